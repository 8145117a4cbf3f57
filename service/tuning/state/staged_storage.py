"""An Optuna storage over a snapshot: where what a sampler or pruner writes is kept for the transaction.

Samplers and pruners are given an ordinary Optuna study over this storage. They can run in any thread, for as long
as they like, and touch nothing that is shared.
"""

import copy
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.tuning.state.snapshot import Snapshot


@dataclass
class Written:
    """What a sampler or pruner wrote."""

    trial_attrs: dict[str, Any] = field(default_factory=dict)
    study_attrs: dict[str, Any] = field(default_factory=dict)


class StagedStorage(BaseStorage):
    """An Optuna storage over a snapshot and one trial at hand, which alone may be written."""

    def __init__(self, snapshot: Snapshot, staged: FrozenTrial) -> None:
        self._snapshot = snapshot
        self._staged = staged
        self.written = Written()

    def study(self, sampler: BaseSampler, pruner: BasePruner) -> Study:
        """An Optuna study over this storage."""
        return Study(self._snapshot.name, self, sampler=sampler, pruner=pruner)

    # Reading

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._snapshot.study_id

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._snapshot.name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._snapshot.directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._snapshot.user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._snapshot.system_attrs

    def get_all_studies(self) -> list[FrozenStudy]:
        return []

    def get_trial(self, trial_id: int) -> FrozenTrial:
        if trial_id == self._staged._trial_id:
            return self._staged
        for trial in self._snapshot.trials:
            if trial._trial_id == trial_id:
                return trial
        raise KeyError(f"trial {trial_id} is not in the snapshot")

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        staged_id = self._staged._trial_id
        others = [
            trial
            for trial in self._snapshot.trials
            if trial._trial_id != staged_id and (states is None or trial.state in states)
        ]
        if states is None or self._staged.state in states:
            others.append(self._staged)
            others.sort(key=lambda trial: trial.number)
        return copy.deepcopy(others) if deepcopy else others

    # Writing

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        self._check_staged(trial_id)
        self._staged.distributions[param_name] = distribution
        self._staged.params[param_name] = distribution.to_external_repr(param_value_internal)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._check_staged(trial_id)
        self._staged.system_attrs[key] = value
        self.written.trial_attrs[key] = value

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._snapshot.system_attrs[key] = value
        self.written.study_attrs[key] = value

    def _check_staged(self, trial_id: int) -> None:
        if trial_id != self._staged._trial_id:
            self._refuse()

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise RuntimeError("a sampler or pruner may write only to the trial at hand and to the study")

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        self._refuse()

    def delete_study(self, study_id: int) -> None:
        self._refuse()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._refuse()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        self._refuse()

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        self._refuse()

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        self._refuse()

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._refuse()
