"""What Optuna's columns hold, written and read: distributions, attributes, values, times."""

import json
import math
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from optuna import distributions
from optuna.storages._rdb import models
from optuna.trial import TrialState


@lru_cache(maxsize=4096)
def read_distribution(text: str) -> distributions.BaseDistribution:
    """The distribution of its stored form; equal texts share one object."""
    return distributions.json_to_distribution(text)


def read_attr(text: str) -> Any:
    """A user or system attribute of its stored form."""
    return json.loads(text)


_shown: dict[int, tuple[distributions.BaseDistribution, str]] = {}


_MOST_SHOWN = 4096
_NO_CHARACTERS = re.compile("[\0\ud800-\udfff]")


def show_distribution(distribution: distributions.BaseDistribution) -> str:
    """The stored form of a distribution. Remembered by object: a study draws from the same ones again and again."""
    known = _shown.get(id(distribution))
    if known is not None and known[0] is distribution:
        return known[1]
    text = distributions.distribution_to_json(distribution)
    if len(_shown) >= _MOST_SHOWN:
        _shown.clear()
    _shown[id(distribution)] = distribution, text
    return text


def show_value(value: float) -> tuple[float | None, Any]:
    """A trial's final value as (value, type) columns."""
    return models.TrialValueModel.value_to_stored_repr(value)


def read_value(value: float | None, kind: Any) -> float:
    """The inverse of `show_value`."""
    return models.TrialValueModel.stored_repr_to_value(value, kind)


def show_intermediate(value: float) -> tuple[float | None, Any]:
    """An intermediate value as (value, type) columns; nan and infinities have types of their own."""
    return models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)


def show_intermediate_text(value: float) -> tuple[float | None, str]:
    """The same for the driver: the type by its name."""
    if math.isfinite(value):
        return value, "FINITE"
    stored, kind = show_intermediate(value)
    return stored, kind.name


def storable_text(text: str | None) -> str | None:
    """A text as every database can hold it: what is no character there, NUL or half of a surrogate pair, as U+FFFD."""
    return None if text is None else _NO_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)


def show_time(epoch: float | None) -> datetime | None:
    """Seconds since the epoch as Optuna 5 stores times: naive, in UTC."""
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None)


def show_time_text(epoch: float | None) -> str | None:
    """The same as text, as both databases read it."""
    return (
        None
        if epoch is None
        else datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    )


def read_time(stored: datetime | None) -> float | None:
    """The inverse of `show_time`."""
    return None if stored is None else stored.replace(tzinfo=UTC).timestamp()


def local_time(epoch: float | None) -> datetime | None:
    """Seconds since the epoch as Optuna's FrozenTrial gives times: naive, in local time."""
    return None if epoch is None else datetime.fromtimestamp(epoch)


FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
