"""Models of the evidence: what the search decides by, and what a suggestion rests on.

`model.build` is the whole of it: losses put on the scale of `targets`, the ends of unfinished curves forecast by
`extrapolation`, all of them in the Gaussian process of `gp`, and beside that the largest stable rate of `stability`,
which is one model for search and suggestion, and the odds of `feasibility` that a training comes through, by all of
its parameters. `acquisition` turns a model into the next point: the most improvement expected, off what diverges or
fails. Suggestions read the same model along the rate (`suggesting.posterior`).
"""
