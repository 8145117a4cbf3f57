"""Measuring the service on this machine: what `make bench` runs."""
