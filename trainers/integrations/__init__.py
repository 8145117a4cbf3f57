"""lrtune in the training loops of others: a room a framework, and none imports another.

Users import from `lrtune.keras` and its like. `reports` is what all of them share: a callback tells the trial what the
framework measured, and ends the training by the framework's own means where the service says so. `extras` says which
extra brings a framework that is absent.
"""
