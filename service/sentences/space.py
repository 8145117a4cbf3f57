"""What is said of a search space."""


def linear_scale(name: str, low: float, high: float, *, steps: bool) -> str:
    """A learning rate over decades that is not searched by decades."""
    share = (high - high / 10) / (high - low)
    remedy = '"log": true, without "step"' if steps else f'"log": true (--param {name}=float:{low:g}:{high:g}:log)'
    return (
        f"The parameter {name} is searched on a linear scale from {low:g} to {high:g}: {share:.0%} of the draws "
        f"lie above {high / 10:g}. Search it by decades: {remedy}."
    )
