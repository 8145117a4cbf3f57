"""Range tests: the rule that ends one, and what its losses say.

`stop_rule` takes losses as they come, through a `running_median`; `analysis` reads them all, by the `rules` and by the
`shape` of the curve.
"""
