"""The learning rate to begin with, by optimizer, where nothing else is known: one table, with its sources."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

SPREAD = 10.0
"""The interval around a starting rate: a factor of ten to each side."""
_LONGEST_NAME = 40


@dataclass(frozen=True)
class StartingRate:
    """A rate for a new training with an optimizer."""

    learning_rate: float
    whose: str
    """In words. Optimizers with the same are of one family."""
    source: str
    unknown: str | None = field(default=None, compare=False)
    """The optimizer asked for, where it is not in the table."""

    @property
    def interval(self) -> tuple[float, float]:
        """A factor of `SPREAD` to each side."""
        return self.learning_rate / SPREAD, self.learning_rate * SPREAD

    @property
    def told(self) -> str:
        """The rate in words."""
        if self.unknown is not None:
            return (
                f"the usual rate for {self.unknown[:_LONGEST_NAME]!r} is not known here, "
                f"that for {self.whose} is {self.learning_rate:g}"
            )
        return f"the usual rate for {self.whose} is {self.learning_rate:g}"


_SGD = StartingRate(1e-2, "SGD", "Bengio 2012, Practical recommendations, section 3.1.1")
_ADAM = StartingRate(1e-3, "the Adam family", "Kingma and Ba 2015")
_SCHEDULE_FREE = StartingRate(2.5e-3, "Schedule-Free AdamW", "Defazio et al. 2024; the default of schedulefree")
_SCHEDULE_FREE_SGD = StartingRate(1.0, "Schedule-Free SGD", "Defazio et al. 2024; the default of schedulefree")
_PRODIGY = StartingRate(1.0, "Prodigy", "Mishchenko and Defazio 2024: a factor of the rate that it finds")
_D_ADAPTATION = StartingRate(1.0, "D-Adaptation", "Defazio and Mishchenko 2023: a factor of the rate that it finds")

STARTING_RATES: Mapping[str, StartingRate] = MappingProxyType(
    {
        "sgd": _SGD,
        "momentum": _SGD,
        "nesterov": _SGD,
        "gradientdescent": _SGD,
        "adam": _ADAM,
        "adamw": _ADAM,
        "nadam": _ADAM,
        "radam": _ADAM,
        "adamax": StartingRate(2e-3, "AdaMax", "Kingma and Ba 2015, section 7.1"),
        "rmsprop": StartingRate(1e-3, "RMSProp", "Hinton 2012, lecture 6e"),
        "adagrad": StartingRate(1e-2, "AdaGrad", "Ruder 2016, section 4.3"),
        "adadelta": StartingRate(1.0, "AdaDelta", "Zeiler 2012: its steps have the right size without a rate"),
        "adafactor": StartingRate(1e-2, "Adafactor", "Shazeer and Stern 2018, section 8"),
        "muon": StartingRate(1e-3, "Muon", "Liu et al. 2025: its steps are scaled to the size of AdamW's"),
        "lion": StartingRate(1e-4, "Lion", "Chen et al. 2023: 3 to 10 times below AdamW's"),
        "prodigy": _PRODIGY,
        "prodigyschedulefree": _PRODIGY,
        "dadapt": _D_ADAPTATION,
        "schedulefree": _SCHEDULE_FREE,
        "adamwschedulefree": _SCHEDULE_FREE,
        "sgdschedulefree": _SCHEDULE_FREE_SGD,
        "schedulefreesgd": _SCHEDULE_FREE_SGD,
    }
)
"""By name, in lower case and letters alone."""


def starting_rate(optimizer: str | None) -> StartingRate:
    """The entry whose name is the longest within that of the optimizer, however it is written; for others
    Adam's, which says so.

    `torch.optim.SGD` begins at 0.01, `AdamW8bit` at 0.001, `Schedule_Free` at 0.0025.
    """
    name = re.sub(r"[^a-z]", "", (optimizer or "").lower())
    within = [key for key in STARTING_RATES if key in name]
    if within:
        return STARTING_RATES[max(within, key=len)]
    return replace(_ADAM, unknown=optimizer or None)
