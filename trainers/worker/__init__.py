"""The worker: leases trials and trains them until there are none, and ends cleanly.

`loop` has both forms: `work` for the command line, `run` for a user's own script. `signals` turns SIGTERM and Ctrl-C
into an end in good order, `supervisor` owns several worker processes, and `parent_watch` ends a process whose owner is
gone. It knows trials and training functions, not what is trained: no torch here.
"""
