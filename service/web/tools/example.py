"""A made range test: the loss of a model whose training diverges at a rate of 1, with the noise of a small batch."""

import math
import random

_POINTS = 120
_LOW, _HIGH = 1e-6, 3.0
_SEED = 16


def example() -> str:
    """As CSV with a header."""
    noise = random.Random(_SEED)
    lines = ["learning_rate,loss"]
    for at in range(_POINTS):
        rate = _LOW * (_HIGH / _LOW) ** (at / (_POINTS - 1))
        learned = 1.9 / (1 + (rate / 4e-3) ** -0.9)
        blown_up = 0.6 * (rate / 0.5) ** 3
        lines.append(f"{rate:.4g},{2.3 - learned + blown_up + noise.gauss(0, 0.02) * math.exp(-learned):.4f}")
    return "\n".join(lines) + "\n"
