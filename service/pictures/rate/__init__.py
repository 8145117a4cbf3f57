"""The learning rate: the loss over it, tests of it, schedules of it."""
