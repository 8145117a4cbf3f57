"""Trainings that are not whole: paused and resumed, or short ones."""
