"""Programs in any language as training functions: `lrtune worker … -- ./train.sh --lr {learning_rate}`.

`program` is what a worker calls for each trial, and `run` one run of it. `command` fills the placeholders, `variables`
says what its environment holds; `lines` takes its output apart, `losses` finds the losses in it, `reading` is the
thread that does both; `calls` is the way of `lrtune report` to the worker; `process` and `group` start and end what is
run.
It knows leased trials, not where they come from: no worker, no torch here.
"""
