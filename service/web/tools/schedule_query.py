"""What the page of schedules shows, as its address says it: `?s={"name": "cosine"}&s=wsd&rate=0.1&steps=1000`."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.datastructures import QueryParams

from lrtune.service.rates.schedules import Schedule, ScheduleError, SchedulePreview, preview, read_schedule
from lrtune.service.rates.schedules.code import shortest_form
from lrtune.service.tuning.errors import InvalidField

MOST = 4
"""Schedules over each other."""
_LONGEST = 10**12
_STEPS, _RATE = 1_000, 1e-3
_FIRST = '{"name": "cosine", "warmup_fraction": 0.05}'


@dataclass(frozen=True)
class Asked:
    """What to show."""

    schedules: tuple[Schedule, ...]
    learning_rate: float = _RATE
    total_steps: int = _STEPS
    steps_per_epoch: int | None = None
    log: bool = False

    @property
    def labels(self) -> list[str]:
        """A name for each: `cosine`, or `cosine 2` where there are several."""
        names: list[str] = [schedule.name for schedule in self.schedules]
        return [
            name if names.count(name) == 1 else f"{name} {names[: at + 1].count(name)}" for at, name in enumerate(names)
        ]

    @property
    def state(self) -> dict[str, Any]:
        """As the page's script holds it."""
        forms = [shortest_form(schedule) for schedule in self.schedules]
        return {
            "schedules": forms,
            "rate": self.learning_rate,
            "steps": self.total_steps,
            "epoch": self.steps_per_epoch,
            "log": self.log,
        }

    def previews(self, points: int) -> Mapping[str, SchedulePreview]:
        """The rates of each at so many steps, by label. Raises InvalidField at the schedule's parameter."""
        return {label: self._preview(at, points) for at, label in enumerate(self.labels)}

    def _preview(self, at: int, points: int) -> SchedulePreview:
        try:
            return preview(
                self.schedules[at],
                base_learning_rate=self.learning_rate,
                total_steps=self.total_steps,
                points=max(points, 2),
            )
        except ScheduleError as error:
            raise _invalid(at, error) from None


def beginning(learning_rate: float | None) -> Asked:
    """What is shown first, with a study's rate where there is one."""
    asked = Asked((_read_one(0, _FIRST),))
    return asked if learning_rate is None else replace(asked, learning_rate=learning_rate)


def asked_for(query: QueryParams, learning_rate: float | None) -> Asked:
    """What the address says; what it leaves out as in `beginning`. Raises InvalidField."""
    begin = beginning(learning_rate)
    texts = query.getlist("s")
    if len(texts) > MOST:
        raise InvalidField(("s",), f"{len(texts)} schedules are too many: compare up to {MOST}")
    return Asked(
        tuple(_read_one(at, text) for at, text in enumerate(texts)) or begin.schedules,
        _rate(query.get("rate")) or begin.learning_rate,
        _whole(query.get("steps"), "steps") or begin.total_steps,
        _whole(query.get("epoch"), "epoch"),
        query.get("log") in ("1", "on", "true"),
    )


def _read_one(at: int, text: str) -> Schedule:
    try:
        value = json.loads(text) if text.lstrip()[:1] in ("{", '"') else text.strip()
        return read_schedule(value)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ScheduleError):
            raise _invalid(at, error) from None
        raise InvalidField(("s", at), "is no JSON of a schedule") from None


def _invalid(at: int, error: ScheduleError) -> InvalidField:
    """At the field, in the address's words: `s`, which one, and the parameter."""
    own = {"total_steps": ("steps",), "base_learning_rate": ("rate",)}.get(str(error.loc[0]))
    return InvalidField(own or ("s", at, *error.loc[1:]), error.message)


def _rate(text: str | None) -> float | None:
    if not text:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not math.isfinite(rate) or rate <= 0:
        raise InvalidField(("rate",), "must be a number above 0")
    return rate


def _whole(text: str | None, name: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 13 and 1 <= int(text) <= _LONGEST):
        raise InvalidField((name,), "must be a whole number of at least 1")
    return int(text)
