"""The engine as an Optuna storage: every Optuna sampler, visualisation and dashboard works on it unchanged."""

import copy
import time
from bisect import bisect_left
from collections.abc import Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.commit import optuna_deeds
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.errors import StudyMissing, StudyNameTaken
from lrtune.service.storage.memory.actor import ACTING, SERVICE, Actor, acting, whoever_typed
from lrtune.service.storage.memory.mirrors import PAUSE_SECONDS
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror, Work
from lrtune.service.storage.sql.reading.studies import study_of_trial
from lrtune.service.wire.base import check_study_name, unstorable

_LARGEST_ID = 2**31 - 1
"""What the ids' columns hold."""
_MOST_OBJECTIVES = 100
_EFFORT_AT_ONCE, _FREEZING = 10_000, 40
"""Of looking at a trial, and of freezing one: what is done of it before others get the lock."""


def _check_new_study(name: object, directions: Sequence[StudyDirection]) -> None:
    """Raises ValueError for what no database keeps, and for more objectives than anybody has."""
    if not isinstance(name, str) or (reason := unstorable(name)) is not None:
        why = reason if isinstance(name, str) else "must be a text"
        raise ValueError(f"the study's name {why}, not {name!r:.80}")
    check_study_name(name)
    if not 1 <= len(directions) <= _MOST_OBJECTIVES:
        raise ValueError(f"a study has 1 to {_MOST_OBJECTIVES} directions, not {len(directions)}")


@dataclass
class _Distributions:
    """The distribution that each parameter of a study was first given, by name."""

    by_name: dict[str, BaseDistribution] = field(default_factory=dict)


class OptunaStorage(BaseStorage):
    """Optuna's storage contract over an engine. Each write returns once it is on disk; any thread may call.

    What is done is noted as done by whom the current request comes from; outside of a request, `by` whom it says here.
    """

    def __init__(self, engine: Engine, *, by: Actor = SERVICE) -> None:
        self.engine = engine
        self._by = by
        self._study_of_trial: dict[int, int] = {}

    def close(self) -> None:
        """End the engine. Only for whoever opened it."""
        self.engine.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, a storage is its URL: unpickled in the process that has it open, it is that very engine."""
        return (_reopen, (self.engine.database.url,))

    # Finding

    def _study(self, study_id: int) -> StudyMirror:
        try:
            if study_id > _LARGEST_ID:
                raise StudyMissing(str(study_id))
            return self.engine.load(study_id)
        except StudyMissing:
            raise KeyError(f"there is no study with study_id {study_id}") from None

    def _find(self, trial_id: int) -> tuple[StudyMirror, TrialMirror]:
        study_id = self._study_of_trial.get(trial_id)
        if study_id is None:
            if trial_id <= _LARGEST_ID:
                with self.engine.database.read() as connection:
                    study_id = study_of_trial(connection, trial_id)
            if study_id is None:
                raise KeyError(f"there is no trial with trial_id {trial_id}")
            self._study_of_trial[trial_id] = study_id
        study = self._study(study_id)
        with self.engine.lock:
            index = bisect_left(study.trials, trial_id, key=lambda trial: trial.trial_id)
            if index == len(study.trials) or study.trials[index].trial_id != trial_id:
                raise KeyError(f"there is no trial with trial_id {trial_id}")
            return study, study.trials[index]

    def _acting(self) -> AbstractContextManager[None]:
        return acting(self._by) if ACTING.get() is SERVICE else nullcontext()

    @contextmanager
    def _changed(self, study: StudyMirror) -> Iterator[Change]:
        try:
            with self._acting(), self.engine.change(study) as change:
                yield change
        except StudyMissing:
            raise KeyError(f"there is no study with study_id {study.study_id}") from None
        change.wait()

    @contextmanager
    def _changed_trial(self, trial_id: int) -> Iterator[tuple[Change, TrialMirror]]:
        study, trial = self._find(trial_id)
        with self._changed(study) as change:
            self.check_trial_is_updatable(trial_id, trial.state)
            yield change, trial

    # Studies

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        name = f"no-name-{uuid4()}" if study_name is None else study_name
        _check_new_study(name, directions)
        try:
            with self._acting(), self.engine.lock:
                study = self.engine.new_study(name, directions)
                with self.engine.change(study) as change:
                    change.create_study(None)
        except StudyNameTaken:
            raise DuplicatedStudyError(f"another study is called {name!r}; take another name") from None
        change.wait()
        return study.study_id

    def delete_study(self, study_id: int) -> None:
        study = self._study(study_id)
        try:
            with self._acting():
                change = self.engine.delete(study)
        except StudyMissing:
            raise KeyError(f"there is no study with study_id {study_id}") from None
        change.wait()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        with self._changed(self._study(study_id)) as change:
            optuna_deeds.set_study_attr(change, key, value, system=False)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        with self._changed(self._study(study_id)) as change:
            optuna_deeds.set_study_attr(change, key, value, system=True)

    def get_study_id_from_name(self, study_name: str) -> int:
        try:
            return self.engine.study_names()[study_name]
        except KeyError:
            raise KeyError(f"there is no study called {study_name!r}") from None

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._study(study_id).name

    def study_name_of_trial(self, trial_id: int) -> str:
        """The name of the study that a trial is of. Raises KeyError where there is no such trial."""
        return self._find(trial_id)[0].name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return list(self._study(study_id).directions)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return copy.deepcopy(self._study(study_id).user_attrs)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return copy.deepcopy(self._study(study_id).system_attrs)

    def get_all_studies(self) -> list[FrozenStudy]:
        return [
            FrozenStudy(
                study_name=study.name,
                direction=None,
                directions=list(study.directions),
                user_attrs=copy.deepcopy(study.user_attrs),
                system_attrs=copy.deepcopy(study.system_attrs),
                study_id=study.study_id,
            )
            for study in self.engine.heads()
        ]

    # Trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        self.engine.neighbours.catch_up()
        with self._changed(self._study(study_id)) as change:
            trial = TrialMirror(
                self.engine.new_trial_id(),
                len(change.study.trials),
                TrialState.RUNNING,
                started_at=change.now,
            )
            if template_trial is not None:
                trial.take_over(copy.deepcopy(template_trial))
            if not trial.state.is_finished():
                trial.work = self._begun(change, trial, runs=trial.state is TrialState.RUNNING)
            change.add_trial(trial)
            optuna_deeds.note_added(change, trial, template_trial)
        self._study_of_trial[trial.trial_id] = study_id
        return trial.trial_id

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        with self._changed_trial(trial_id) as (change, trial):
            known = change.study.derived(_Distributions).by_name
            if param_name not in known:
                others = (t.distributions.get(param_name) for t in change.study.trials)
                known[param_name] = next((d for d in others if d is not None), distribution)
            check_distribution_compatibility(known[param_name], distribution)
            value = distribution.to_external_repr(param_value_internal)
            change.set_param(trial, param_name, distribution, value)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        with self._changed_trial(trial_id) as (change, trial):
            if state is TrialState.RUNNING and trial.state is not TrialState.WAITING:
                return False
            work, before = None, trial.outcome
            if state is TrialState.RUNNING:
                work = self._begun(change, trial, runs=True)
            elif trial.work is not None and state.is_finished():
                work = replace(trial.work, leased=False)
            change.set_state(trial, state, values=values, work=work)
            optuna_deeds.note_state(change, trial, before, values)
        return True

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        with self._changed_trial(trial_id) as (change, trial):
            change.report(trial, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        with self._changed_trial(trial_id) as (change, trial):
            optuna_deeds.set_trial_attr(change, trial, key, value, system=False)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        with self._changed_trial(trial_id) as (change, trial):
            optuna_deeds.set_trial_attr(change, trial, key, value, system=True)

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        trials = self._study(study_id).trials
        if not 0 <= trial_number < len(trials):
            raise KeyError(f"study {study_id} has no trial with number {trial_number}")
        return trials[trial_number].trial_id

    def get_trial(self, trial_id: int) -> FrozenTrial:
        _, trial = self._find(trial_id)
        with self.engine.lock:
            return self._shown(trial)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        study = self._study(study_id)
        found: list[FrozenTrial] = []
        number = 0
        while number < len(study.trials):
            if number:
                time.sleep(PAUSE_SECONDS)
            with self.engine.lock:
                number = self._freeze_some(study, number, states, found)
        return [copy.deepcopy(trial) for trial in found] if deepcopy else found

    def _freeze_some(
        self, study: StudyMirror, number: int, states: Container[TrialState] | None, found: list[FrozenTrial]
    ) -> int:
        """Freeze trials from `number` on, so many that it takes some milliseconds; the number to go on with. A trial
        that has not changed since it was last frozen costs next to nothing."""
        effort = 0
        while number < len(study.trials) and effort < _EFFORT_AT_ONCE:
            trial = study.trials[number]
            if states is None or trial.state in states:
                effort += 1 if trial.is_frozen else _FREEZING
                found.append(self._shown(trial))
            number += 1
            effort += 1
        return number

    def _begun(self, change: Change, trial: TrialMirror, *, runs: bool) -> Work | None:
        """What is kept beside Optuna's columns of a trial that is to be queued, or that `runs` from now on. Here nobody
        has a budget; see `service/api/optuna/budgets.py`."""
        return trial.work

    def _shown(self, trial: TrialMirror) -> FrozenTrial:
        """The trial as readers get it. Under the engine's lock."""
        return trial.freeze()


def open_storage(url: str) -> OptunaStorage:
    """An Optuna storage over the engine that the service uses. Close it when done.

    Raises StorageError where `url` cannot be opened, WriterBusy where another process writes that database.
    """
    storage = OptunaStorage(open_engine(url), by=whoever_typed())
    _open_here[storage.engine.database.url] = storage.engine
    return storage


_open_here: WeakValueDictionary[str, Engine] = WeakValueDictionary()


def _reopen(url: str) -> OptunaStorage:
    engine = _open_here.get(url)
    return (
        open_storage(url) if engine is None or engine.state == "closed" else OptunaStorage(engine, by=whoever_typed())
    )
