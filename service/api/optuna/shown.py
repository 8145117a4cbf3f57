"""The storage as Optuna's dashboard and its gRPC scripts read it: with what lrtune knows of studies and trials as user
attributes, which no row is written for.

An Optuna script on the database itself does not see them, but for the metric's name.
"""

import contextlib
import copy
from collections.abc import Mapping
from typing import Any

from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial

from lrtune.service.sentences.failures import error_line
from lrtune.service.sentences.words import between, rate
from lrtune.service.storage import OptunaStorage
from lrtune.service.storage.errors import StudyUnreadable
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import DRAWN_ATTR, EXPLANATION_ATTR, METRIC_NAMES_ATTR, OUTCOME_ATTR
from lrtune.service.tuning.suggesting.suggestion import prepare_here, worked_out
from lrtune.service.wire.studies import Suggestion

_BEHIND = 0.05
"""By what share of the finished trials the suggestion that is shown may lag."""


class ShownStorage(OptunaStorage):
    """Reads of studies made by lrtune hold more: what a suggestion and a trial's life come to. An attribute of that
    name that somebody has set stays as it is."""

    def prepare(self, study_id: int) -> None:
        """Load a study, if there is one of that id, and work out what is suggested where that was not done, so that
        `get_all_studies` shows it. For a thread; seconds at the most."""
        with contextlib.suppress(KeyError, StudyUnreadable):
            study = self._study(study_id)
            if study.spec is not None:
                prepare_here(self.engine, study, behind=_BEHIND)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        study = self._study(study_id)
        return {**self._of_study(study), **super().get_study_user_attrs(study_id)}

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return {**_names(self._study(study_id)), **super().get_study_system_attrs(study_id)}

    def get_all_studies(self) -> list[FrozenStudy]:
        found = super().get_all_studies()
        for frozen in found:
            study = self.engine.mirrors.peek(frozen._study_id)  # None is loaded for a list.
            if study is not None:
                frozen.user_attrs = {**self._of_study(study), **frozen.user_attrs}
                frozen.system_attrs = {**_names(study), **frozen.system_attrs}
        return found

    def _of_study(self, study: StudyMirror) -> dict[str, Any]:
        with self.engine.lock:
            found = None if study.spec is None else worked_out(study)
        return {} if found is None else _suggested(found)

    def _shown(self, trial: TrialMirror) -> FrozenTrial:
        frozen = trial.freeze()
        more = _of_trial(trial)
        if more:
            frozen = copy.copy(frozen)  # The one that is kept is Optuna's own.
            frozen.user_attrs = {**more, **frozen.user_attrs}
        return frozen


def _names(study: StudyMirror) -> dict[str, Any]:
    """Of a study older than the attribute, too."""
    return {} if study.spec is None else {METRIC_NAMES_ATTR: [study.spec.metric]}


def _suggested(found: Suggestion) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if found.learning_rate is not None:
        shown["suggested learning rate"] = float(rate(found.learning_rate))
    if found.interval is not None:
        shown["interval"] = [float(end) for end in between(*found.interval)]
    if found.max_stable_learning_rate is not None:
        shown["diverges above"] = float(rate(found.max_stable_learning_rate))
    return {**shown, "suggestion": found.explanation}


def _of_trial(trial: TrialMirror) -> dict[str, Any]:
    """Of a trial that a worker had or has, or that says how it was drawn."""
    attrs, work = trial.system_attrs, trial.work
    shown: Mapping[str, Any] = {
        "worker": None if work is None else work.worker,
        "attempt": work.attempt if work is not None and work.attempt > 1 else None,
        "outcome": _outcome(trial),
        "explanation": attrs.get(EXPLANATION_ATTR),
        "error": None if work is None or not work.error else error_line(work.error),
        "drawn by": _drawn(attrs.get(DRAWN_ATTR)),
    }
    return {name: told for name, told in shown.items() if told is not None}


def _outcome(trial: TrialMirror) -> str | None:
    """Where Optuna's state does not say it: `diverged`, or a short training that is complete."""
    if trial.paused:
        return "paused"
    if OUTCOME_ATTR not in trial.system_attrs:
        return None
    return "complete, a short training" if trial.outcome == "complete" else trial.outcome


def _drawn(kept: Any) -> str | None:
    return f"{kept.get('by')}: {kept.get('reason')}" if isinstance(kept, dict) else None
