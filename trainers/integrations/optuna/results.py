"""What a study is and has found, as `optuna.Study` says it; and points from outside."""

import copy
import math
from collections.abc import Container, Iterable, Mapping
from numbers import Real
from typing import Any

from lrtune.trainers.client.client import Client
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.integrations.optuna.framework import optuna
from lrtune.trainers.integrations.optuna.frozen import FrozenTrial, State, curves_by_trial, frozen, recorded
from lrtune.trainers.integrations.optuna.spaces import Distribution, distributions_of

Direction = optuna.study.StudyDirection


class StudyResults:
    """A study of a service: what is known of it, and what is added from outside."""

    def __init__(self, client: Client, handle: StudyHandle) -> None:
        self.handle = handle
        """The same study, as lrtune's client has it: its status, suggestion, pictures."""
        self._client = client
        self._user_attrs: dict[str, Any] = {}
        self._trial_attrs: dict[int, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"Study({self.study_name!r} at {self._client.server})"

    @property
    def study_name(self) -> str:
        return self.handle.name

    @property
    def direction(self) -> Direction:
        return Direction.MAXIMIZE if self.handle.spec.direction == "maximize" else Direction.MINIMIZE

    @property
    def directions(self) -> list[Direction]:
        return [self.direction]

    @property
    def distributions(self) -> dict[str, Distribution]:
        """Those of the study's search space."""
        return distributions_of(self.handle.spec.search_space)

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What `set_user_attr` has kept."""
        return copy.deepcopy(self._user_attrs)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keeps it in this process: no service has it."""
        self._user_attrs[key] = value

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials, by number, with all that they reported: reads the whole study."""
        return self.get_trials()

    def get_trials(self, deepcopy: bool = True, states: Container[State] | None = None) -> list[FrozenTrial]:
        """The trials in one of those states, by number; each call reads them anew, so that nothing has to be copied."""
        trials = list(self._client.trials(self.study_name, page=1000))
        curves = curves_by_trial(self._client.curves(self.study_name))
        space = self.handle.spec.search_space
        found = [
            frozen(trial, curves.get(trial.number, {}), space, self._trial_attrs.get(trial.number, {}))
            for trial in trials
        ]
        return [trial for trial in found if states is None or trial.state in states]

    @property
    def best_trial(self) -> FrozenTrial:
        """The full training that is complete with the best value. Raises ValueError while there is none."""
        best = self.handle.status().best
        if best is None:
            raise ValueError(f"no trial of study {self.study_name} is complete yet")
        return self.trial(best.trial)

    @property
    def best_trials(self) -> list[FrozenTrial]:
        return [self.best_trial]

    @property
    def best_params(self) -> dict[str, Any]:
        """Raises ValueError as `best_trial` does."""
        return dict(self.best_trial.params)

    @property
    def best_value(self) -> float:
        """Raises ValueError as `best_trial` does."""
        value = self.best_trial.value
        assert value is not None
        return value

    def to_optuna(self) -> "optuna.Study":
        """A study of Optuna's, in memory, with the trials as they are now: for its pictures, importances, tables."""
        made = optuna.create_study(
            study_name=self.study_name, direction=self.direction, storage=optuna.storages.InMemoryStorage()
        )
        made.add_trials(self.get_trials())
        for key, value in self._user_attrs.items():
            made.set_user_attr(key, value)
        return made

    def trials_dataframe(
        self,
        attrs: tuple[str, ...] = (
            *("number", "value", "datetime_start", "datetime_complete", "duration"),
            *("params", "user_attrs", "system_attrs", "state"),
        ),
        multi_index: bool = False,
    ) -> Any:
        """As Optuna's, by Optuna. Needs pandas."""
        return self.to_optuna().trials_dataframe(attrs, multi_index)

    def enqueue_trial(
        self, params: Mapping[str, Any], user_attrs: Mapping[str, Any] | None = None, skip_if_exists: bool = False
    ) -> None:
        """A point to try next; what is left out is drawn. Raises ServiceError for what the study does not search."""
        if skip_if_exists and any(_same(params, trial) for trial in self.get_trials()):
            return
        made = self._client.enqueue(self.study_name, params)
        self.attrs_of(made.number).update(user_attrs or {})

    def add_trial(self, trial: FrozenTrial) -> None:
        """A training done elsewhere. Raises ValueError for one that is not over, ServiceError for one that the study
        does not search."""
        made = self._client.record(self.study_name, **recorded(trial))
        self.attrs_of(made.number).update(trial.user_attrs)

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        """`add_trial` of each."""
        for trial in trials:
            self.add_trial(trial)

    def attrs_of(self, number: int) -> dict[str, Any]:
        """The user attributes that this process keeps of a trial."""
        return self._trial_attrs.setdefault(number, {})

    def trial(self, number: int) -> FrozenTrial:
        """One trial, with what it reported. Raises NotFound."""
        trial = self._client.trial(self.study_name, number)
        curve = {report.step: report.value for report in trial.curve}
        return frozen(trial, curve, self.handle.spec.search_space, self._trial_attrs.get(number, {}))


def _same(params: Mapping[str, Any], trial: FrozenTrial) -> bool:
    """Whether that was enqueued or drawn before; numbers but for rounding."""
    known = trial.system_attrs.get("fixed_params", trial.params)
    return known.keys() == params.keys() and all(_equal(params[name], one) for name, one in known.items())


def _equal(one: Any, other: Any) -> bool:
    numbers = [isinstance(value, Real) and not isinstance(value, bool) for value in (one, other)]
    return math.isclose(one, other, rel_tol=1e-5) if all(numbers) else bool(one == other)
