"""Several processes on one PostgreSQL database: what they do together, what a hop costs, how studies change hands."""
