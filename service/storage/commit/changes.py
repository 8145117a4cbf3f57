"""Changes: each alters the mirror at once and notes the rows that make it true in the database.

A change is made in one `with engine.change(study) as change:`, which holds the mirrors' lock
(`commit.open_change`); the answer waits for the commit. If that fails, the mirrors it touched are thrown away and read
again, so the mirror never drifts from the database.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from lrtune.service.storage.commit.completion import Completion
from lrtune.service.storage.memory.range_tests import StoredRangeTest
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror, Work
from lrtune.service.storage.memory.trial import NO_ATTRS, share_distributions
from lrtune.service.storage.schema import codecs
from lrtune.service.storage.sql.deleted import deleted_name
from lrtune.service.storage.sql.reading.past_rates import PastRate
from lrtune.service.storage.sql.writing import rows
from lrtune.service.storage.sql.writing.statements import Op, Row
from lrtune.service.wire.studies import StudySpec

_SMALL_TRIALS, _SMALL_ROWS, _SMALL_RANGE_TESTS = 100, 1_000, 10


class Change:
    """One change of one study: what it did to the mirror is there at once, its `rows` are to be written."""

    __slots__ = ("batch", "elapsed", "error", "now", "rows", "study", "version")

    def __init__(self, study: StudyMirror) -> None:
        self.study = study
        self.now = 0.0
        """When it is made, in seconds since the epoch: for people and rows."""
        self.elapsed = 0.0
        """The same by the clock that deadlines are judged by."""
        self.rows: list[Row] = []
        self.batch: Completion | None = None
        self.error: Exception | None = None
        self.version = 0

    # Waiting

    def wait(self) -> None:
        """Block until the change is on disk. Raises StorageUnavailable where it is not, or nobody can tell."""
        if self.batch is not None:
            self.batch.wait()
        if self.error is not None:
            raise self.error

    async def on_disk(self) -> None:
        """Wait until the change is on disk. Raises StorageUnavailable where it is not, or nobody can tell."""
        batch = self.batch
        if batch is not None and not batch.ended:
            await batch.wait_async()
        if self.error is not None:
            raise self.error

    # Studies

    def create_study(self, spec: StudySpec | None) -> None:
        """Write the study itself, and its spec where it has one."""
        study = self.study
        self.rows += rows.study_rows(study)
        if spec is None:
            return
        study.spec = spec
        study.max_trials = spec.max_trials
        study.max_total_steps = spec.max_total_steps
        study.description = spec.description
        study.created_at = study.updated_at = self.now
        self.rows.append(rows.our_study_row(study, spec))

    def update_study(self, **settings: Any) -> None:
        """Change max_trials, max_total_steps, paused, stopped or description."""
        for name, value in settings.items():
            setattr(self.study, name, value)
        self.rows.append(rows.settings_row(self.study))

    def delete_study(self, *, unread: bool = False) -> None:
        """Take the study away under its name, a small one with all its rows; those of others, and of one that was left
        `unread`, go afterwards, a few at a time (`engine.purge`)."""
        self.rows.append((Op.BARRIER, {}))
        study_id = self.study.study_id
        if not unread and _is_small(self.study):
            self.rows.append((Op.DELETE_STUDY, {"of_study": study_id}))
        else:
            self.rows.append((Op.TAKE_STUDY_AWAY, {"of_study": study_id, "deleted_name": deleted_name(study_id)}))
        self.rows.append((Op.BARRIER, {}))

    def set_study_attr(self, key: str, value: Any, *, system: bool) -> None:
        """Set one of Optuna's user or system attributes of the study; `value` must be JSON."""
        text = json.dumps(value)
        self.rows.append(rows.study_attr_row(self.study, key, text, system=system))
        attrs = self.study.system_attrs if system else self.study.user_attrs
        # Readers may hold the old dict: replace it.
        changed = {**attrs, key: json.loads(text)}
        if system:
            self.study.system_attrs = changed
        else:
            self.study.user_attrs = changed

    def add_range_test(self, test: StoredRangeTest, curve: str) -> None:
        """Keep a range test of the study, with its curve as JSON."""
        self.study.range_tests.append(test)
        self.rows.append(rows.range_test_row(self.study, test, curve))

    def note_past_rate(self, found: PastRate) -> None:
        """Keep what the study found with an optimizer, for later studies, in place of what it said before."""
        self.rows.append(rows.past_rate_row(self.study, found, self.now))

    def note_version(self) -> None:
        """Give the study a new version, though nothing of it is to be written: what changed is in the database."""
        self.rows.append((Op.BARRIER, {}))

    def renumber(self, misnumbered: Iterable[tuple[int, int]]) -> None:
        """Write the numbers, as (trial id, number), of trials that have another one in the database."""
        self.rows += [(Op.RENUMBER_TRIAL, {"of_trial_id": i, "number": number}) for i, number in misnumbered]

    # Trials

    def add_trial(self, trial: TrialMirror, reports: Sequence[Row] | None = None) -> None:
        """Write a whole new trial, with whatever it already has. `reports`: the rows of its curve, where they are made
        already, outside the lock."""
        self.rows.append(rows.trial_row(trial, self.study))
        trial.distributions = share_distributions(
            {
                name: self._param_row(trial, name, trial.distributions[name], value)
                for name, value in trial.params.items()
            }
        )
        trial.user_attrs = self._stored_attrs(trial, trial.user_attrs, system=False)
        trial.system_attrs = self._stored_attrs(trial, trial.system_attrs, system=True)
        self.rows += rows.value_rows(trial)
        self.rows += rows.curve_rows(trial) if reports is None else reports
        if trial.work is not None:
            self.rows.append(rows.work_row(trial, self.study.study_id))
        self.study.enter(trial)

    def set_param(self, trial: TrialMirror, name: str, distribution: BaseDistribution, value: Any) -> None:
        """Give a trial one parameter, in its external representation."""
        trial.touch()
        trial.params = {**trial.params, name: value}
        stored = self._param_row(trial, name, distribution, value)
        trial.distributions = share_distributions({**trial.distributions, name: stored})

    def set_trial_attr(self, trial: TrialMirror, key: str, value: Any, *, system: bool) -> None:
        """Set one of Optuna's user or system attributes of a trial; `value` must be JSON."""
        trial.touch()
        stored = json.loads(self._attr_row(trial, key, value, system=system))
        if system:
            trial.system_attrs = {**trial.system_attrs, key: stored}
        else:
            trial.user_attrs = {**trial.user_attrs, key: stored}

    def report(self, trial: TrialMirror, step: int, value: float) -> None:
        """Set the value at a step."""
        trial.touch()
        trial.intermediate[step] = value
        if value < trial.lowest:
            trial.lowest = value
        if value > trial.highest:
            trial.highest = value
        last = trial.last_step
        if last is None or step > last:
            before = trial.reached
            trial.last_step = step
            if step > before:
                self.study.tally.advance(trial, before, step)
        self.rows.append(rows.report_row(trial, step, value))

    def set_state(
        self,
        trial: TrialMirror,
        state: TrialState,
        *,
        values: Sequence[float] | None = None,
        work: Work | None = None,
    ) -> None:
        """Move a trial to another state, with its values, and with its lease where `work` is given."""
        trial.touch()
        study = self.study
        study.count_out(trial)
        trial.state = state
        if values is not None:
            trial.values = list(values)
            self.rows += rows.value_rows(trial)
        if state is TrialState.RUNNING and trial.started_at is None:
            trial.started_at = self.now
        if state.is_finished():
            trial.finished_at = max(self.now, trial.started_at or 0.0)  # Where the wall clock was set back meanwhile.
        if work is not None:
            trial.work = work
            self.rows.append(rows.work_row(trial, self.study.study_id))
        study.count_in(trial)
        study.rank(trial)
        self.rows.append(rows.state_row(trial))

    def set_work(self, trial: TrialMirror, work: Work) -> None:
        """Change what we keep of a trial, its state unchanged."""
        study = self.study
        study.count_out(trial)
        trial.work = work
        study.count_in(trial)
        self.rows.append(rows.work_row(trial, self.study.study_id))

    def supersede_after(self, trial: TrialMirror, step: int, *, lease_number: int | None = None) -> None:
        """Put away the reports past `step` (-1: all), as of that lease; of the latest where none is given."""
        late = {s: v for s, v in trial.intermediate.items() if s > step}
        if not late:
            return
        assert trial.work is not None
        trial.touch()
        lease_number = trial.work.leases if lease_number is None else lease_number
        self.rows += [rows.superseded_row(trial, lease_number, at, value) for at, value in late.items()]
        row = {"of_trial": trial.trial_id, "after_step": step}
        self.rows.append((Op.DELETE_INTERMEDIATE_AFTER, row))
        self.rows.append((Op.BARRIER, {}))
        self.study.count_out(trial)
        trial.intermediate = {s: v for s, v in trial.intermediate.items() if s <= step}
        trial.measure_curve()
        self.study.count_in(trial)

    # Rows

    def _param_row(self, trial: TrialMirror, name: str, distribution: BaseDistribution, value: Any) -> BaseDistribution:
        """Write a parameter; the distribution as the database gives it back, one object for all trials that have it."""
        text = codecs.show_distribution(distribution)
        self.rows.append(rows.param_row(trial, name, distribution.to_internal_repr(value), text))
        return codecs.read_distribution(text)

    def _stored_attrs(self, trial: TrialMirror, attrs: dict[str, Any], *, system: bool) -> dict[str, Any]:
        """The attributes of a new trial as the database gives them back."""
        if not attrs:
            return NO_ATTRS
        return {key: json.loads(self._attr_row(trial, key, value, system=system)) for key, value in attrs.items()}

    def _attr_row(self, trial: TrialMirror, key: str, value: Any, *, system: bool) -> str:
        text = json.dumps(value)
        self.rows.append(rows.trial_attr_row(trial, key, text, system=system))
        return text


def _is_small(study: StudyMirror) -> bool:
    """Whether all rows of a study can go in the transaction of its deletion: in a millisecond or two."""
    if len(study.trials) > _SMALL_TRIALS or len(study.range_tests) > _SMALL_RANGE_TESTS:
        return False
    put_away = sum(trial.work.lost_steps for trial in study.trials if trial.work is not None)
    attrs = sum(len(trial.user_attrs) + len(trial.system_attrs) for trial in study.trials)
    return put_away + attrs + sum(len(trial.intermediate) for trial in study.trials) <= _SMALL_ROWS
