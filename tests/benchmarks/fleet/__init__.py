"""A fleet of simulated workers on two services and PostgreSQL: how long they wait, and whether every promise holds."""
