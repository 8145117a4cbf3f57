"""Models of the evidence: losses, unfinished curves, the largest stable rate."""
