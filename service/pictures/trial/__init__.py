"""One trial: what it reported, and what became of it over time."""
