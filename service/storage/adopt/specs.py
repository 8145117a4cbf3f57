"""What a study that Optuna made searches, told from its trials, so that lrtune can go on with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState
from pydantic import ValidationError
from sqlalchemy import Connection, and_, func, select

from lrtune.service.storage.schema import codecs, optuna_tables
from lrtune.service.wire.studies import StudySpec

METRIC_NAMES_ATTR = "study:metric_names"
_WHOLE = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of trials that have all their parameters; a failed or running one may have stopped half-way."""


class Inexpressible(Exception):
    """The study cannot be expressed as an lrtune spec; the text says why."""


@dataclass(frozen=True)
class _Found:
    """One parameter of a study, as its trials have it."""

    distributions: list[BaseDistribution]
    whole_trials: int
    """How many of the trials that have all their parameters have this one."""


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
    whole = func.count().filter(trials.state.in_(_WHOLE))
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
    if first.single() and len(distributions) == 1:
        raise Inexpressible(f"{name} has one value only ({low})")
    log, step = scale.pop()
    return {"type": "int" if kind is IntDistribution else "float", "low": low, "high": high, "log": log, "step": step}


def _conditions(connection: Connection, study_id: int, found: Mapping[str, _Found]) -> dict[str, dict[str, list[Any]]]:
    """When the parameters exist that only some trials have, if a categorical one that all have decides it."""
    trials = optuna_tables.trials.c
    whole = connection.execute(
        select(func.count()).where(trials.study_id == study_id, trials.state.in_(_WHOLE))
    ).scalar_one()
    always = {name for name, parameter in found.items() if parameter.whole_trials == whole}
    parents = {
        name: parameter.distributions[0]
        for name, parameter in found.items()
        if name in always and isinstance(parameter.distributions[0], CategoricalDistribution)
    }
    conditions: dict[str, dict[str, list[Any]]] = {}
    for name in found.keys() - always:
        deciding = []
        for parent, distribution in parents.items():
            values = _values_that_decide(connection, study_id, parent, name)
            if values is not None and len(values[0]) + len(values[1]) == len(distribution.choices):
                deciding.append((parent, [distribution.to_external_repr(value) for value in sorted(values[0])]))
        if len(deciding) != 1:
            count = found[name].whole_trials
            raise Inexpressible(f"{name} exists in {count} of {whole} trials, and it cannot be told when")
        conditions[name] = dict(deciding)
    return conditions


def _values_that_decide(
    connection: Connection, study_id: int, parent: str, child: str
) -> tuple[set[float], set[float]] | None:
    """The parent's values with and without the child; None where one of them has both."""
    trials = optuna_tables.trials.c
    of_parent, of_child = optuna_tables.params.alias("of_parent"), optuna_tables.params.alias("of_child")
    rows = connection.execute(
        select(of_parent.c.param_value, func.count(of_child.c.param_id), func.count())
        .join_from(of_parent, optuna_tables.trials, of_parent.c.trial_id == trials.trial_id)
        .outerjoin(of_child, and_(of_child.c.trial_id == of_parent.c.trial_id, of_child.c.param_name == child))
        .where(trials.study_id == study_id, trials.state.in_(_WHOLE), of_parent.c.param_name == parent)
        .group_by(of_parent.c.param_value)
    ).all()
    present = {value for value, having, _ in rows if having}
    absent = {value for value, having, all_of_it in rows if having < all_of_it}
    return None if present & absent or not present or not absent else (present, absent)
