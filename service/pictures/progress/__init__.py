"""How a study comes on: its learning curves, its best value so far, beside others, its rungs, its steps."""
