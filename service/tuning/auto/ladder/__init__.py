"""Short, annealed trainings: which rate next, for how long, and what they say about a full one.

Three lengths, a ninth, a third and all of a training. `ladder.next_training` says what a free worker trains: first
rates spread around a centre, then those chosen by the results so far (`rates`), fewer as trainings grow longer. `model`
is the loss over rate and length, whose valley moves down with the length. `ladder.answer` is the rate for full
trainings, and `interval` how far off it may be. Diverged trainings are edges: rates above them are not tried.
"""
