"""The mathematics of learning rates: pure functions, without torch and without I/O, shared with the trainers."""
