"""The `lrtune` command.

Its modules import only what every installation has; the rest when a command needs it.
"""
