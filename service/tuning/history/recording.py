"""What studies found, kept for later ones: the best rate with each optimizer, as trials complete."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import TrialState

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.sql.reading.past_rates import PastRate, studies_without
from lrtune.service.tuning.fidelity.ladder import conclude, next_step, snapshot_for_ladder
from lrtune.service.tuning.fidelity.short_trainings import is_ladder, ladder_of
from lrtune.service.tuning.history.plateau import NEAR_BEST
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.studies import StudySpec

_log = logging.getLogger(__name__)

ENOUGH_TRIALS = 5
"""A study with fewer complete trials has no best rate to speak of."""

_LOOKED_AT = 1_000
_NEAR = 32
_LONGEST_NAME = 200
_FILL_STUDIES, _FILL_TRIALS = 100, 100_000


@dataclass
class _Completed:
    """How many trials were completed with each optimizer."""

    by_optimizer: dict[str, int] | None = None


def note(change: Change, trial: TrialMirror) -> None:
    """Keep what the study knows now that `trial` has ended, where that is news: a better rate, or many more complete
    trials, or that the ladder has come to its end.

    Costs the same however many trials there are.
    """
    study = change.study
    if study.spec is None or len(study.directions) != 1:
        return
    if trial.state is TrialState.COMPLETE:
        _note_complete(change, study.spec, trial)
    if is_ladder(trial) and len(study.ranking) < ENOUGH_TRIALS:
        _note_ladder(change, study.spec, trial)


def _note_ladder(change: Change, spec: StudySpec, trial: TrialMirror) -> None:
    """The ladder's answer once it is over: it rests on enough trainings, though few of them were in full."""
    study = change.study
    trials = ladder_of(study)
    if not study.ranking or not all(one.state.is_finished() for one in trials):
        return
    snapshot = snapshot_for_ladder(study)
    try:
        if next_step(spec, snapshot).kind != "done":
            return
        rate = conclude(spec, snapshot.trials, study.system_attrs).learning_rate
    except Exception:  # Whatever its losses are, the trial ends.
        _log.exception("what the ladder of %s found is not kept", study.name)
        return
    found = PastRate(
        optimizer=_optimizer_of(trial.params, spec),
        family=spec.tags.get("family"),
        learning_rate=rate,
        batch_size=whole_number(None, spec.tags.get("batch_size")),
        total_steps=whole_number(None, spec.tags.get("total_steps")),
        trials=len(trials),
    )
    change.note_past_rate(found)


def _note_complete(change: Change, spec: StudySpec, trial: TrialMirror) -> None:
    study = change.study
    optimizer = _optimizer_of(trial.params, spec)
    kept = study.derived(_Completed)
    if kept.by_optimizer is None:
        kept.by_optimizer = _counted(study)
    else:
        kept.by_optimizer[optimizer] = kept.by_optimizer.get(optimizer, 0) + 1
    count = kept.by_optimizer.get(optimizer, 0)
    rate = main_learning_rate(spec.search_space)
    if rate is None or rate not in trial.params or count < ENOUGH_TRIALS or not study.ranking:
        return
    best = study.ranking[0][1] == trial.number
    if best or count == ENOUGH_TRIALS or count & (count - 1) == 0 or _improves(study, trial, optimizer):
        change.note_past_rate(_found(study, optimizer, rate, count))


def _counted(study: StudyMirror) -> dict[str, int]:
    """Complete trials by optimizer, as far as the best thousand tell."""
    assert study.spec is not None
    counts: dict[str, int] = {}
    for _, number in study.ranking[:_LOOKED_AT]:
        optimizer = _optimizer_of(study.trials[number].params, study.spec)
        counts[optimizer] = counts.get(optimizer, 0) + 1
    return counts


def _improves(study: StudyMirror, trial: TrialMirror, optimizer: str) -> bool:
    """Whether no trial with its optimizer ranks before it."""
    assert study.spec is not None
    for _, number in study.ranking[:_LOOKED_AT]:
        if number == trial.number:
            return True
        if _optimizer_of(study.trials[number].params, study.spec) == optimizer:
            return False
    return False


def _found(study: StudyMirror, optimizer: str, rate: str, count: int) -> PastRate:
    """The centre, in logs, of the rates that came near the best with this optimizer."""
    spec = study.spec
    assert spec is not None
    middle = study.ranking[len(study.ranking) // 2][0]
    near: list[TrialMirror] = []
    limit = math.inf
    for loss, number in study.ranking[:_LOOKED_AT]:
        trial = study.trials[number]
        if loss > limit or len(near) == _NEAR:
            break
        if _optimizer_of(trial.params, spec) == optimizer and trial.params.get(rate, 0) > 0:
            near.append(trial)
            limit = min(limit, loss + NEAR_BEST * max(middle - loss, 0.0))
    logs = [math.log(trial.params[rate]) for trial in near]
    best = near[0].params if near else {}
    return PastRate(
        optimizer=optimizer,
        family=spec.tags.get("family"),
        learning_rate=math.exp(sum(logs) / len(logs)) if logs else None,
        batch_size=whole_number(best.get("batch_size"), spec.tags.get("batch_size")),
        total_steps=whole_number(best.get("total_steps"), spec.tags.get("total_steps")),
        trials=count,
    )


def _optimizer_of(params: Mapping[str, Any], spec: StudySpec) -> str:
    chosen = params.get("optimizer")
    named = chosen if isinstance(chosen, str) else spec.tags.get("optimizer", "")
    return plain_name(named)


def plain_name(name: str) -> str:
    """An optimizer's name as it is kept: `AdamW` and `adamw` are the same."""
    return name.strip().lower()[:_LONGEST_NAME].replace("\0", "")


def whole_number(chosen: Any, tagged: str | None) -> int | None:
    """A positive whole number of the trial's, else of the tag's."""
    if isinstance(chosen, int) and not isinstance(chosen, bool):
        return chosen if 0 < chosen < 2**31 else None
    known = tagged is not None and tagged.isascii() and tagged.isdigit() and len(tagged) < 10 and int(tagged) > 0
    return int(tagged) if known and tagged is not None else None


def fill(engine: Engine) -> int:
    """Note what studies found that were trained before rates were kept, the latest first; return how many.

    Blocks, for up to 100 studies and 100,000 complete trials a call.
    """
    try:
        with engine.database.read() as connection:
            missing = studies_without(
                connection, at_least=ENOUGH_TRIALS, most_studies=_FILL_STUDIES, most_trials=_FILL_TRIALS
            )
    except StorageError as error:
        _log.info("what past studies found is not kept yet: %s", error)
        return 0
    ours = engine.of_our_shards(missing)
    for study_id in ours:
        try:
            study = engine.load(study_id)
            with engine.change(study) as change:
                note_all(change)
        except StorageError as error:
            _log.info("what study %d found is not kept yet: %s", study_id, error)
    return len(ours)


def note_all(change: Change) -> None:
    """Keep all that the study knows: its trials were trained before rates were kept, or elsewhere."""
    for found in _all_found(change.study):
        change.note_past_rate(found)


def _all_found(study: StudyMirror) -> list[PastRate]:
    """What is to be kept, for each optimizer; where that is nothing, one that says so, lest it be looked for again."""
    nothing = PastRate("", None, None, None, None, 0)
    rate = None if study.spec is None else main_learning_rate(study.spec.search_space)
    counts = {} if study.spec is None else _counted(study)
    found = [_found(study, name, rate, count) for name, count in counts.items() if rate and count >= ENOUGH_TRIALS]
    return found or [nothing]
