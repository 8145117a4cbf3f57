"""Optuna's own doors, over the same storage: its `dashboard`, and its gRPC `proxy` protocol."""
