"""What each rule of a range test reads off the curve, for who meets it the first time."""

RULES = {
    "valley": ("Valley", "The middle of the longest stretch in which the loss falls; noise hardly moves it."),
    "steepest": ("Steepest", "Where the loss falls fastest: the classic reading, moved by noise."),
    "slide": (
        "Slide",
        "fastai's rule: an interval slides down from the minimum until the slopes at its ends are alike.",
    ),
    "minimum_over_10": ("Minimum / 10", "A tenth of the rate with the lowest loss: Smith's rule of thumb."),
}
"""By name: its title and what it is."""

RECOMMENDED = "From the lowest loss and from where the training diverges, each with a margin: begin with this rate."
BOUNDS = "From where the loss begins to fall to its lowest point: search learning rates between these."
DIVERGED = "At this rate the loss left its course or was no number any more."
NOT_DIVERGED = "The test ended before the training diverged: higher rates were not tried."
NO_SIGNAL = "The losses do not show where to train: see why below, and run a longer test."
"""In place of a recommended rate."""
