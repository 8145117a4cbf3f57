"""Trials, from the ask to the end, and who may write to one. `trials.Trials` has a method for each call of a worker.

An ask (`ask/`) draws in a thread, against a snapshot; draws of one study take turns, so that each sees those before it.
What the sampler writes joins the transaction that creates the trial and its lease.

A report, in one change under the engine's lock: `fence.held_trial` checks the lease (a stale one raises `LeaseLost`),
`fence.renew` renews it, the report goes into the mirror and its row into the change, and `pruning.verdicts.judge`
decides whether the training goes on. Heartbeats, results and releases pass the same check: it is the only one.

`leases` is the state machine of a trial, and `sweeper` takes back what nobody renews; `outside` takes in points that no
ask made; `replicates` trains the best once more.
"""
