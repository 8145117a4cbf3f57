"""The learning rate to begin with, by optimizer, and for LoRA by what it is trained for, where nothing else is known:
two tables, with their sources."""

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
    note: str = field(default="", compare=False)
    """What more there is to say of it, in words."""

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
                f"that for {self.whose} is {self.learning_rate:g}{self.note}"
            )
        return f"the usual rate for {self.whose} is {self.learning_rate:g}{self.note}"


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


_TEN_TIMES = ", about ten times that of fine-tuning the whole model (Schulman et al. 2025)"
_TRL = "TRL's documentation, PEFT Integration"

LORA_STARTING_RATES: Mapping[str, StartingRate] = MappingProxyType(
    {
        "": StartingRate(
            2e-4, "LoRA with the Adam family", f"Hu et al. 2021, GPT-2; Dettmers et al. 2023; {_TRL}", note=_TEN_TIMES
        ),
        "dpo": StartingRate(5e-6, "LoRA in DPO with the Adam family", _TRL, note=_TEN_TIMES),
        "grpo": StartingRate(1e-5, "LoRA in GRPO with the Adam family", _TRL, note=_TEN_TIMES),
    }
)
"""By what is trained; `""`: whatever is not named here, the imitation of examples most of all."""
_LORA = frozenset(("lora", "qlora", "rslora"))


def lora_kind(family: str | None) -> str | None:
    """The key of `LORA_STARTING_RATES` for a family that names LoRA; None for one that does not.

    `LoRA`, `qlora-llama` and `lora_r16` are `""`, `lora-dpo` is `"dpo"`; `floral` is None.
    """
    words = re.findall(r"[a-z]+", (family or "").lower())
    if not _LORA.intersection(words):
        return None
    return next((kind for kind in LORA_STARTING_RATES if kind in words), "")


def starting_rate(optimizer: str | None, family: str | None = None) -> StartingRate:
    """The entry whose name is the longest within that of the optimizer, however it is written; for others
    Adam's, which says so. For a `family` that names LoRA, LoRA's in place of Adam's; no other optimizer's is known.

    `torch.optim.SGD` begins at 0.01, `AdamW8bit` at 0.001, `Schedule_Free` at 0.0025, `adamw` on `lora` at 0.0002.
    """
    name = re.sub(r"[^a-z]", "", (optimizer or "").lower())
    within = [key for key in STARTING_RATES if key in name]
    usual = STARTING_RATES[max(within, key=len)] if within else replace(_ADAM, unknown=optimizer or None)
    kind = lora_kind(family)
    if kind is None:
        return usual
    if usual == _ADAM:
        return replace(LORA_STARTING_RATES[kind], unknown=usual.unknown)
    return replace(usual, note="; that for LoRA with it is not known here")
