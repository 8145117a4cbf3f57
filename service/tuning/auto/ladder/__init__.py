"""Short, annealed trainings: which rate next, how long, and what they say about a full one."""
