"""Launchers: many workers of a study, on this machine or on an engine that a team has already.

What is launched is the command line `lrtune worker …`, which knows nothing of all this. `fleet` keeps as many running
as the study has work for, with an engine of `engines`: `local`, `ray_actors`, `slurm`. `kubernetes` writes manifests,
and leaves the rest to the cluster.
"""
