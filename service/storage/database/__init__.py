"""One database's connections: the writer's, its lock, readers', and PostgreSQL's pipeline."""
