"""The HTTP face: endpoints that parse, call one function of `lrtune.service.tuning`, and shape the answer.

A file a noun; `http` is what they share, `middleware` what stands before them, `optuna` the doors for Optuna.
"""
