"""What the outside sees of studies and trials."""
