"""Lightning: a callback that reports validations, and a range test in place of `Tuner.lr_find`."""
