"""What `/metrics` tells beside what requests count: read when it is asked for, so that a report pays nothing for it.

`engine` looks at the engine and its studies, `sizes` at the disk and the backups; `worker_time` and `loop` are told of
what ends, and of what comes late.
"""
