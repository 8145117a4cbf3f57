"""What a trial's page says beside its numbers."""

VERDICTS = {
    "good": "The rate suits",
    "too_low": "The rate is too low",
    "too_high": "The rate is too high",
    "diverged": "It diverged",
    "unclear": "Its curve does not tell",
}
"""Of a diagnosis, by its verdict."""

LOG = "Its whole log is where the worker wrote it: the service keeps this text alone."


def drawn(sampler: str) -> str:
    """Of a trial that the study's sampler drew as it does."""
    return f"Drawn by the study's sampler, {sampler}."


def drawn_instead(by: str, reason: str) -> str:
    """Of one that another drew."""
    return f"Drawn by {by}: {reason}"


def repeats(number: int) -> str:
    """Of a replicate, before the link."""
    return f"Repeats trial {number} with another seed, since the best of many is partly luck."


def again(number: int) -> str:
    """Of one that was stopped before."""
    return f"Trains trial {number} again from its start, which was stopped and leads now."
