"""Drawing a trial's parameters, in any thread, on a snapshot.

`draw` draws: at random or from a grid within microseconds, else by a sampler of Optuna's kind over a staged trial
(`state.staged_storage`). A sampler is built anew for each draw, seeded with the study's seed and the trial's number: a
restart changes nothing. Where a sampler fails, the trial is drawn at random, and the failure is logged. `drawn` has
what may come of it, a type per case. `samplers` and `pruners` have both by name, and say how to add one; `snapshots`
says how much of the history each sampler is shown.
"""
