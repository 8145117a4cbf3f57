"""What is said of trainings' learning rates, against what a grid of rates says."""
