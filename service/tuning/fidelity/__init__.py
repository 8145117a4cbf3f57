"""Trainings that are not whole.

`pausing`: a trainer that can resume gets a lease up to a step, is paused there and promoted once it has earned more
(`pausing.choose`, on a snapshot). `ladder`: a trainer that anneals within its lease may be asked for a training shorter
than the study's `max_steps`, to learn cheaply where the best rate lies (`ladder.next_step`, `ladder.conclude`).
`short_trainings` is what all others ask: is a trial short, does it tell of full trainings. A short one ends `complete`
here and `PRUNED` for Optuna, and is never compared with full ones.
"""
