"""Learning-rate range tests of models: the rate is raised, the loss recorded, everything put back.

`sweep` tests a model, optimizer and batches at hand; `by_name` finds them first, in a built-in task or a user's
function, and makes a new model for each seed. What the curve says is judged in `lrtune.service.rates.range_test`.
"""
