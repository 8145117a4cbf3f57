"""When the parameters of a study of Optuna's exist that only some of its trials have."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState
from sqlalchemy import Connection, and_, func, select

from lrtune.service.storage.schema import optuna_tables
from lrtune.service.wire.search_space import MOST_WHEN_VALUES

WHOLE = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of trials that have all their parameters; a failed or running one may have stopped half-way."""

Parent = CategoricalDistribution | IntDistribution


class Undecided(Exception):
    """None, or more than one, of the other parameters says when the one of that `name` exists."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def conditions(
    connection: Connection, study_id: int, parents: Mapping[str, Parent], children: Mapping[str, Parent | None]
) -> dict[str, dict[str, list[Any]]]:
    """By child, the `when` of its parameter: the parent that decides it, and with which values it exists.

    A choice decides where each of its values was seen, with the child or without. A whole number does from a value on,
    or up to one, as layers do of which each has a width: of it no more than the values beside that limit need be seen,
    and it is taken where no choice decides. What none of the `parents`, which all trials have, decides may hang on a
    child that was decided itself. Raises Undecided.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    left = sorted(children)
    while left:
        told = {child: when for child in left if (when := _decided(connection, study_id, parents, child))}
        if not told:
            raise Undecided(left[0])
        found |= told
        left = [child for child in left if child not in told]
        parents = {child: parent for child in told if (parent := children[child]) is not None}
    return found


def _decided(
    connection: Connection, study_id: int, parents: Mapping[str, Parent], child: str
) -> dict[str, list[Any]] | None:
    """The one parent that decides the child, and with which values; None where none does. Raises Undecided where
    several do."""
    seen = {name: _seen(connection, study_id, name, child) for name in parents}
    by_choice = {name: _choices(parents[name], seen[name]) for name in parents}
    by_number = {name: _numbers(parents[name], seen[name]) for name in parents}
    decides = {name: values for name, values in by_choice.items() if values} or {
        name: values for name, values in by_number.items() if values
    }
    if len(decides) > 1:
        raise Undecided(child)
    return decides or None


@dataclass(frozen=True)
class _Seen:
    """Values of a parent, as they are stored."""

    having: Set[float]
    """With which the child was there."""
    lacking: Set[float]
    """With which it was not."""

    @property
    def decides(self) -> bool:
        return bool(self.having and self.lacking) and not self.having & self.lacking


def _seen(connection: Connection, study_id: int, parent: str, child: str) -> _Seen:
    """A parent is asked for before its child, and wherever the child is: where one was not, it is none."""
    trials = optuna_tables.trials.c
    of_parent, of_child = optuna_tables.params.alias("of_parent"), optuna_tables.params.alias("of_child")
    rows = connection.execute(
        select(
            of_parent.c.param_value,
            func.count(of_child.c.param_id).label("having"),
            func.count().label("trials"),
            func.min(of_child.c.param_id - of_parent.c.param_id).label("after"),
        )
        .join_from(of_parent, optuna_tables.trials, of_parent.c.trial_id == trials.trial_id)
        .outerjoin(of_child, and_(of_child.c.trial_id == of_parent.c.trial_id, of_child.c.param_name == child))
        .where(trials.study_id == study_id, trials.state.in_(WHOLE), of_parent.c.param_name == parent)
        .group_by(of_parent.c.param_value)
    ).all()
    late = any(row.after is not None and row.after < 0 for row in rows)
    if late or sum(row.having for row in rows) < _count(connection, study_id, child):
        return _Seen(set(), set())
    return _Seen(
        {row.param_value for row in rows if row.having}, {row.param_value for row in rows if row.having < row.trials}
    )


def _count(connection: Connection, study_id: int, name: str) -> int:
    """How many of the trials that have all their parameters have this one."""
    params, trials = optuna_tables.params.c, optuna_tables.trials.c
    return connection.execute(
        select(func.count())
        .join_from(optuna_tables.params, optuna_tables.trials, params.trial_id == trials.trial_id)
        .where(trials.study_id == study_id, trials.state.in_(WHOLE), params.param_name == name)
    ).scalar_one()


def _choices(parent: Parent, seen: _Seen) -> list[Any]:
    """The choices with which the child exists; none where they do not decide it."""
    if not isinstance(parent, CategoricalDistribution) or not seen.decides:
        return []
    if len(seen.having) + len(seen.lacking) < len(parent.choices):
        return []
    return [parent.to_external_repr(value) for value in sorted(seen.having)]


def _numbers(parent: Parent, seen: _Seen) -> list[Any]:
    """The whole numbers with which the child exists; none where they do not decide it."""
    if not isinstance(parent, IntDistribution) or not seen.decides:
        return []
    values = range(parent.low, parent.high + 1, parent.step)
    if max(seen.lacking) < min(seen.having):
        last, first = max(seen.lacking), min(seen.having)
        existing = [value for value in values if value >= first]
    elif max(seen.having) < min(seen.lacking):
        last, first = max(seen.having), min(seen.lacking)
        existing = [value for value in values if value <= last]
    else:
        return []
    return existing if first - last <= parent.step and len(existing) <= MOST_WHEN_VALUES else []
