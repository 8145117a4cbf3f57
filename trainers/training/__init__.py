"""Trainings in torch: `fit`, a loop to use or to copy, and its parts.

`learner` is a model with its optimizer and schedule, which takes steps (`optimizer_step`) and can be kept and put back:
`fit` and the built-in tasks both drive one. `lr_scheduler` follows a schedule, `data` makes batches in an order that
depends on the seed alone, `setup` reads names (a device, an optimizer), `result` is what a training gives back.
"""
