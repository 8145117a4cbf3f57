"""What is read of a study before anything is decided.

`budget`: may another trial begin. `failing`: do its trials keep failing. `outcomes`: how a trial ended, and why.
`space`: its parameters. `rate_prior`: what is known of the learning rate beforehand. `snapshot`: the trials as a
sampler or pruner sees them, none of which will change; `staged_storage`: an Optuna storage over that, where what they
write is kept for the transaction. `folds`: are a trial's steps folds. `watchers`: waiting for a study to change.
"""
