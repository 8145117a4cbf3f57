"""Trackers: MLflow, TensorBoard and W&B, a file each, by what `lrtune.trainers.tracking` asks of them.

`named` makes one of its name on a command line, `texts` fits names and values to what they take.
"""
