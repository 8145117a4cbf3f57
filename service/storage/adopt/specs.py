"""What a study that Optuna made searches, told from its trials, so that lrtune can go on with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from pydantic import ValidationError
from sqlalchemy import Connection, func, select

from lrtune.service.storage.adopt.conditions import WHOLE, Undecided, conditions
from lrtune.service.storage.schema import codecs, optuna_tables
from lrtune.service.wire.studies import StudySpec

METRIC_NAMES_ATTR = "study:metric_names"


class Inexpressible(Exception):
    """The study cannot be expressed as an lrtune spec; the text says why."""


@dataclass(frozen=True)
class _Found:
    """One parameter of a study, as its trials have it."""

    distributions: list[BaseDistribution]
    whole_trials: int
    """How many of the trials that have all their parameters have this one."""

    @property
    def whole(self) -> BaseDistribution:
        """The widest, where its bounds moved."""
        first = self.distributions[0]
        if not isinstance(first, IntDistribution):
            return first
        same = [other for other in self.distributions if isinstance(other, IntDistribution)]
        low, high = min(other.low for other in same), max(other.high for other in same)
        return IntDistribution(low, high, log=first.log, step=first.step)


def spec_of(connection: Connection, study_id: int, name: str) -> StudySpec:
    """The spec of a study that has none: its space from its trials, its own direction, no budget.

    Bounds that moved between trials become the widest. Raises Inexpressible.
    """
    direction = _direction(connection, study_id)
    found = _parameters(connection, study_id)
    if not found:
        raise Inexpressible("no trial has parameters, so nothing says what it searches")
    space = {name: _parameter(name, parameter.distributions) for name, parameter in found.items()}
    for conditional, when in _conditions(connection, study_id, found).items():
        space[conditional]["when"] = when
    default = "loss" if direction == "minimize" else "score"
    metric = (_attr(connection, study_id, METRIC_NAMES_ATTR) or [default])[0]
    body = {"name": name, "direction": direction, "metric": metric, "search_space": space}
    try:
        return StudySpec.model_validate({**body, "description": "Adopted from Optuna."})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Inexpressible(f"{place}: {first['msg'].removeprefix('Value error, ')}") from None


def _direction(connection: Connection, study_id: int) -> str:
    columns = optuna_tables.directions.c
    found = list(connection.execute(select(columns.direction).where(columns.study_id == study_id)).scalars())
    if len(found) != 1:
        raise Inexpressible(f"it has {len(found)} objectives, lrtune's studies have one")
    return "maximize" if found[0] is StudyDirection.MAXIMIZE else "minimize"


def _attr(connection: Connection, study_id: int, key: str) -> Any:
    columns = optuna_tables.study_system_attrs.c
    text = connection.execute(
        select(columns.value_json).where(columns.study_id == study_id, columns.key == key)
    ).scalar()
    return None if text is None else codecs.read_attr(text)


def _parameters(connection: Connection, study_id: int) -> dict[str, _Found]:
    params, trials = optuna_tables.params.c, optuna_tables.trials.c
    whole = func.count().filter(trials.state.in_(WHOLE))
    rows = connection.execute(
        select(params.param_name, params.distribution_json, whole)
        .join_from(optuna_tables.params, optuna_tables.trials, params.trial_id == trials.trial_id)
        .where(trials.study_id == study_id)
        .group_by(params.param_name, params.distribution_json)
        .order_by(func.min(params.param_id))
    )
    found: dict[str, _Found] = {}
    for name, text, count in rows:
        before = found.get(name, _Found([], 0))
        found[name] = _Found([*before.distributions, codecs.read_distribution(text)], before.whole_trials + count)
    return found


def _parameter(name: str, distributions: list[BaseDistribution]) -> dict[str, Any]:
    first = distributions[0]
    if isinstance(first, CategoricalDistribution):
        if any(other != first for other in distributions):
            raise Inexpressible(f"{name} had other choices in other trials")
        return {"type": "categorical", "choices": list(first.choices)}
    kind = IntDistribution if isinstance(first, IntDistribution) else FloatDistribution
    low, high, scale = None, None, set()
    for other in distributions:
        if not isinstance(other, kind):
            raise Inexpressible(f"{name} had another type in other trials")
        assert isinstance(other, IntDistribution | FloatDistribution)
        low = other.low if low is None else min(low, other.low)
        high = other.high if high is None else max(high, other.high)
        scale.add((other.log, other.step))
    if len(scale) > 1:
        raise Inexpressible(f"{name} had another scale or step in other trials")
    if low == high:  # A range has a lower and a higher end.
        return {"type": "categorical", "choices": [low]}
    log, step = scale.pop()
    return {"type": "int" if kind is IntDistribution else "float", "low": low, "high": high, "log": log, "step": step}


def _conditions(connection: Connection, study_id: int, found: Mapping[str, _Found]) -> dict[str, dict[str, list[Any]]]:
    """When the parameters exist that only some trials have, if another one decides it."""
    trials = optuna_tables.trials.c
    whole = connection.execute(
        select(func.count()).where(trials.study_id == study_id, trials.state.in_(WHOLE))
    ).scalar_one()
    deciding: dict[str, CategoricalDistribution | IntDistribution | None] = {
        name: one if isinstance(one := parameter.whole, CategoricalDistribution | IntDistribution) else None
        for name, parameter in found.items()
    }
    always = {name for name, parameter in found.items() if parameter.whole_trials == whole}
    parents = {name: one for name, one in deciding.items() if name in always and one is not None}
    try:
        return conditions(
            connection, study_id, parents, {name: one for name, one in deciding.items() if name not in always}
        )
    except Undecided as undecided:
        name = undecided.name
        raise Inexpressible(
            f"{name} exists in {found[name].whole_trials} of {whole} trials, and it cannot be told when: no choice or "
            "whole number decides it alone, with each of its values seen"
        ) from None
