"""The built-in tasks: one module each, named as in the catalogue, with its `TASK` and its `train`.

A module says what its data and its model are. How it is trained is in `tasks.gradient` and `tasks.loop`, or, for what
is grown, in `tasks.trees`. They are loaded by name, so that nothing needs torch or scikit-learn before.
"""
