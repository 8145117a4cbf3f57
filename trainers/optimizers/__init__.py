"""Optimizers by name, parameter groups, clipping."""
