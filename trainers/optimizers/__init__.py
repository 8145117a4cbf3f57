"""Optimizers by name, with every option checked: `build` knows what there is.

`parameter_groups` gives each parameter its rate and weight decay (by layer, by pattern, none for norms and biases),
`clipping` limits gradients and counts how often, and `muon` is put together here from torch's Muon and AdamW.
"""
