"""fastai: a callback that reports epochs, and a range test in place of `Learner.lr_find`."""
