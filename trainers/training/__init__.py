"""Training loops: `fit` and its parts, and schedules in torch."""
