"""What is noted of what people do through Optuna's interface: with its dashboard, and by scripts.

Studies that are made and deleted are noted wherever that is done (`changes`). Here: attributes of studies that people
set, not those that samplers keep there; trials that are added whole; and what is done to a trial by hand. A script's
own trials, from their asks to their ends, are not noted, as those of workers are not.
"""

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.actor import ACTING
from lrtune.service.storage.memory.study import TrialMirror
from lrtune.service.storage.schema.attributes import FIXED_ATTR
from lrtune.service.wire.base import RESERVED_NAME, show_loss

_SET_BY_PEOPLE = ("artifacts:", "dashboard:", "preference:", "study:", RESERVED_NAME)
"""How system attributes of studies begin that no sampler writes."""
_COUNTED_WITH = ":note_ver"
"""What the dashboard counts up with each change of a note, which is an attribute of its own."""
_NOT_SET = object()


def set_study_attr(change: Change, key: str, value: Any, *, system: bool) -> None:
    """Set an attribute of the study, noted where a person may have set it to something new."""
    attrs = change.study.system_attrs if system else change.study.user_attrs
    before = attrs.get(key, _NOT_SET)
    change.set_study_attr(key, value, system=system)
    if system and (not key.startswith(_SET_BY_PEOPLE) or key.endswith(_COUNTED_WITH)):
        return
    after = (change.study.system_attrs if system else change.study.user_attrs)[key]
    if before != after:
        kind = "system_attrs" if system else "user_attrs"
        shown = {} if before is _NOT_SET else {key: before}
        change.audit("study.change", before={kind: shown}, after={kind: {key: after}}, changed=[key])


def set_trial_attr(change: Change, trial: TrialMirror, key: str, value: Any, *, system: bool) -> None:
    """Set an attribute of a trial, noted where that is done in the dashboard."""
    change.set_trial_attr(trial, key, value, system=system)
    if _by_hand():
        kind = "system_attrs" if system else "user_attrs"
        change.audit("trial.change", after={"trial": trial.number, kind: {key: value}}, trial=trial.number)


def note_added(change: Change, trial: TrialMirror, template: FrozenTrial | None) -> None:
    """A trial that was added whole: to be tried next, or trained elsewhere. Not where the dashboard gives a study
    another name: that makes a second study of the same trials."""
    if template is None or _by_hand():
        return
    if trial.state is TrialState.WAITING:
        shown = {"trial": trial.number, "params": trial.system_attrs.get(FIXED_ATTR, {})}
        change.audit("trial.enqueue", after=shown, trial=trial.number)
    elif trial.state.is_finished():
        values = None if trial.values is None else [show_loss(value) for value in trial.values]
        shown = {"trial": trial.number, "state": trial.outcome, "values": values, "params": trial.params}
        change.audit("trial.record", after=shown | {"reports": len(trial.intermediate)}, trial=trial.number)


def note_state(change: Change, trial: TrialMirror, before: str, values: Sequence[float] | None) -> None:
    """A trial whose state, which was `before`, was set by hand in the dashboard."""
    if _by_hand():
        shown = None if values is None else [show_loss(value) for value in values]
        after = {"trial": trial.number, "state": trial.outcome, "values": shown}
        was = {"trial": trial.number, "state": before}
        change.audit("trial.change", before=was, after=after, trial=trial.number)


def _by_hand() -> bool:
    return ACTING.get().via == "dashboard"
