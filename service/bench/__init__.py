"""Measuring the service on this machine: what `lrtune bench` runs."""
