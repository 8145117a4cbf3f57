"""Other processes that write the same database: noticed, and taken in."""
