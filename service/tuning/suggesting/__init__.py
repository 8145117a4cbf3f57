"""What to train with, and what that rests on.

A suggestion is made in two steps: `suggestion.look` reads what it rests on under the engine's lock, within a
millisecond (`seen`); `compute.work_out` makes it from that in a thread, and it is kept until another trial ends. It
chooses one of `answers`, each of which rests on something else. Without a study: `without_study`.

`range_tests` keeps range tests and `range_test_prior` says what they recommend; `diagnosis` reads one trial's curve;
`response` fits the metric over the rate.
"""
