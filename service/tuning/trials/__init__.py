"""Trials from the ask to the end: leases, points from outside, replicates."""
