"""What trains: the client of an lrtune service, the worker, range tests, training loops, built-in tasks.

Rooms, top to bottom; each imports those below it only:

    worker, range_test      a study trained to its end; the rate raised step by step
    tasks                   what a worker trains, built in or the user's
    training                `fit`, schedules in torch, and the one step that all loops take
    optimizers, state       optimizers by name; random state, snapshots, checkpoints
    client, checks          the HTTP client, which needs no torch; arguments checked
    errors
"""
