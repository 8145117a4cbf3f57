"""What to train with, and what that rests on.

A suggestion is made in two steps: `suggestion.look` reads what it rests on under the engine's lock, within a
millisecond; `compute.work_out` makes it from that in a thread, and it is kept until another trial ends. It rests on the
ladder (`fidelity.ladder.conclude`) while full trainings are few; else on the `posterior` along the learning rate; with
fewer than four complete trials on the best of them and the plateau around it; before the first (`cold_start`) on range
tests, past studies or what is usual. Without a study: `without_study`.

`range_tests` keeps range tests and `range_test_prior` says what they recommend; `diagnosis` reads one trial's curve;
`response` fits the metric over the rate.
"""
