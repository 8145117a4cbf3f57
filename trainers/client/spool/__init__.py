"""What a trial has reported while the service is away, kept on disk until it is back.

`backlog` is what waits of one lease: a `file` of self-checking `lines`, one for each of the `entries`, in the `folder`
that a setting names. Nothing is written while the service answers. Where a process ends before all is told, `ends`
keeps the trial's end, too, and the next worker of the machine sends it all before it asks for work: `of_study` finds
what was left, `replay` sends it.
"""
