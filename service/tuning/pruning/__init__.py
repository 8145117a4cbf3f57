"""The rules that stop a training. `verdicts.judge` is asked at each report and each heartbeat, under the engine's lock.

In this order: a value that is not finite is a divergence; at its last step a trial is left to end by itself; a study
that was stopped, or has used up its steps, stops it; then the study's pruner decides.

Optuna's pruners see a snapshot of bounded size. `auto` pauses a trial that can be resumed at its `lrtune:pause_at`,
lets those of the ladder train to their end, and judges any other at a few checkpoints: `race_evidence` keeps the
finished curves as arrays, so that a verdict costs the same however long the history is; `halving_evidence` does so for
trials that stop at the first rung that they do not lead. The rules themselves are pure:
`auto.policy.race` and `auto.policy.rungs`.
"""
