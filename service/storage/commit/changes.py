"""Changes: each alters the mirror at once and notes the rows that make it true in the database.

A change is made in one `with engine.change(study) as change:`, which holds the mirrors' lock
(`commit.open_change`); the answer waits for the commit. If that fails, the mirrors it touched are thrown away and read
again, so the mirror never drifts from the database.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from lrtune.service.storage.commit.completion import Completion
from lrtune.service.storage.commit.deeds import Deed, tell
from lrtune.service.storage.memory.actor import ACTING
from lrtune.service.storage.memory.deletion import is_small, remembered
from lrtune.service.storage.memory.range_tests import StoredRangeTest
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror, Work
from lrtune.service.storage.memory.trial import NO_ATTRS, share_distributions
from lrtune.service.storage.schema import codecs
from lrtune.service.storage.schema.attributes import ID_ATTR
from lrtune.service.storage.sql.deleted import deleted_name
from lrtune.service.storage.sql.reading.past_rates import PastRate
from lrtune.service.storage.sql.writing import rows
from lrtune.service.storage.sql.writing.statements import Op, Row
from lrtune.service.wire.studies import StudySpec

_OF_RANGE_TESTS = {"number", "optimizer", "batch_size", "seeds", "recommended", "diverged_at"}


class Change:
    """One change of one study: what it did to the mirror is there at once, its `rows` are to be written."""

    __slots__ = ("batch", "deeds", "elapsed", "error", "now", "rows", "study", "version")

    def __init__(self, study: StudyMirror) -> None:
        self.study = study
        self.now = 0.0
        """When it is made, in seconds since the epoch: for people and rows."""
        self.elapsed = 0.0
        """The same by the clock that deadlines are judged by."""
        self.rows: list[Row] = []
        self.deeds: tuple[Deed, ...] = ()
        self.batch: Completion | None = None
        self.error: Exception | None = None
        self.version = 0

    # Waiting

    def wait(self) -> None:
        """Block until the change is on disk. Raises StorageUnavailable where it is not, or nobody can tell."""
        if self.batch is not None:
            self.batch.wait()
        self._end()

    async def on_disk(self) -> None:
        """Wait until the change is on disk. Raises StorageUnavailable where it is not, or nobody can tell."""
        batch = self.batch
        if batch is not None and not batch.ended:
            await batch.wait_async()
        self._end()

    def _end(self) -> None:
        if self.error is not None:
            raise self.error
        if self.deeds:
            deeds, self.deeds = self.deeds, ()
            tell(deeds)

    # Studies

    def create_study(self, spec: StudySpec | None, *, created_at: float | None = None) -> None:
        """Write the study itself, and its spec where it has one. `created_at`: where that was elsewhere, when."""
        study = self.study
        self.rows += rows.study_rows(study)
        if spec is None:
            self.audit("study.create", after={"directions": [direction.name.lower() for direction in study.directions]})
            return
        study.spec = spec
        study.max_trials = spec.max_trials
        study.max_total_steps = spec.max_total_steps
        study.description = spec.description
        study.created_at = self.now if created_at is None else created_at
        study.updated_at = self.now
        self.rows.append(rows.our_study_row(study, spec, ACTING.get().token_id))
        self.draw_id()
        self.audit("study.create", after=spec.model_dump(mode="json", exclude={"name"}))

    def draw_id(self) -> None:
        """Give the study an id that no other has."""
        self.set_study_attr(ID_ATTR, secrets.token_hex(16), system=True)

    def audit(
        self,
        action: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        **told: Any,
    ) -> None:
        """Keep with this change what was done, by whoever is acting, and log it with what is `told` once it is on disk;
        `before` and `after` must be JSON."""
        actor, name = ACTING.get(), self.study.name
        self.rows.append(rows.audit_row(actor, self.now, action, name, before, after))
        self.deeds = (*self.deeds, Deed(action, name, actor, told))

    def update_study(self, **settings: Any) -> None:
        """Change max_trials, max_total_steps, paused, stopped or description."""
        for name, value in settings.items():
            setattr(self.study, name, value)
        self.rows.append(rows.settings_row(self.study))

    def delete_study(self, *, unread: bool = False) -> None:
        """Take the study away under its name, a small one with all its rows; those of others, and of one that was left
        `unread`, go afterwards, a few at a time (`engine.purge`)."""
        self.audit("study.delete", before=remembered(self.study, unread=unread), trials=len(self.study.trials))
        self.rows.append((Op.BARRIER, {}))
        study_id = self.study.study_id
        if not unread and is_small(self.study):
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
        """Keep a new range test of the study, with its curve as JSON."""
        self.put_range_test(test, curve)
        shown = test.shown.model_dump(mode="json", include=_OF_RANGE_TESTS)
        self.audit("range_test.add", after=shown, range_test=test.shown.number)

    def put_range_test(self, test: StoredRangeTest, curve: str) -> None:
        """Write a range test that was kept elsewhere before."""
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
        self.study.note(trial, begun=True)

    def set_param(self, trial: TrialMirror, name: str, distribution: BaseDistribution, value: Any) -> None:
        """Give a trial one parameter, in its external representation."""
        trial.touch()
        trial.params = {**trial.params, name: value}
        self.study.note(trial, begun=True)
        stored = self._param_row(trial, name, distribution, value)
        trial.distributions = share_distributions({**trial.distributions, name: stored})

    def set_trial_attr(self, trial: TrialMirror, key: str, value: Any, *, system: bool) -> None:
        """Set one of Optuna's user or system attributes of a trial; `value` must be JSON."""
        trial.touch()
        self.study.note(trial)
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
        if self.study.recent is not None:
            self.study.note(trial, step)
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
        study.note(trial, begun=state is TrialState.RUNNING)
        self.rows.append(rows.state_row(trial))

    def set_work(self, trial: TrialMirror, work: Work) -> None:
        """Change what we keep of a trial, its state unchanged."""
        study = self.study
        study.count_out(trial)
        trial.work = work
        study.count_in(trial)
        study.note(trial)
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
        self.study.note(trial)
        self.study.count_out(trial)
        trial.intermediate = {s: v for s, v in trial.intermediate.items() if s <= step}
        trial.measure_curve()
        self.study.count_in(trial)

    def put_superseded(self, trial: TrialMirror, lease_number: int, points: Iterable[tuple[int, float]]) -> None:
        """Write reports of a lease that were put away elsewhere."""
        self.rows += [rows.superseded_row(trial, lease_number, step, value) for step, value in points]

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
