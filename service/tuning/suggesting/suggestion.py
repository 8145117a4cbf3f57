"""What to train with, on all that is known so far.

A suggestion is made in two steps: what it rests on is read under the engine's lock, at a cost that does not grow with
the history, and the answer is worked out from that in a thread, once for every trial that ends.
"""

import asyncio
import math
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.schema.attributes import CHOSEN_PRIOR_ATTR, PRIOR_ATTR
from lrtune.service.tuning.auto.surrogate.stability import StabilityModel
from lrtune.service.tuning.fidelity.ladder import look_at_ladder
from lrtune.service.tuning.fidelity.short_trainings import count_short, tells_of_full
from lrtune.service.tuning.state.rate_prior import priors_of
from lrtune.service.tuning.state.snapshot import snapshot_of_finished, snapshot_of_unfinished
from lrtune.service.tuning.state.space.distributions import study_distributions
from lrtune.service.tuning.state.space.rates import is_odd
from lrtune.service.tuning.suggesting.compute import work_out
from lrtune.service.tuning.suggesting.seen import ENOUGH, Known, Seen
from lrtune.service.tuning.suggesting.stability import stability_of_trials
from lrtune.service.tuning.trials.replicates import finalists
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.studies import StudySpec, Suggestion

_BEST, _LATEST = 100, 150
"""How many of the trials are looked at, however many there are."""

_MOST_UNFINISHED, _MOST_POINTS = 100, 50_000
"""How many unfinished trials are looked at, and how long their curves are in all."""

_FURTHER = 1.2
"""By what factor the unfinished trainings must have gone on for another suggestion."""

Priors = tuple[Any, Any]
"""A study's priors: the one that was chosen, and what was remembered."""


@dataclass
class _Kept:
    """The suggestion that was worked out last, the work under way, and the stability model of the finished trials."""

    suggestion: tuple[Known, Suggestion] | None = None
    priors: Priors = (None, None)
    """Those that it was worked out with."""
    under_way: asyncio.Task[None] | None = None
    stability: tuple[Known, StabilityModel | None] | None = None


def look(study: StudyMirror) -> Seen:
    """What the study's suggestion rests on now. Under the engine's lock; 1 ms, however long the history."""
    spec = study.spec
    assert spec is not None
    ranking, name = study.ranking, main_learning_rate(spec.search_space)
    return Seen(
        known=_known(study),
        spec=spec,
        name=name,
        trials=_full_trainings(study, spec),
        finalists=[one for one in finalists(study) if not is_odd(one.params, name)],
        middle=ranking[len(ranking) // 2][0] if ranking else None,
        distributions=study_distributions(study),
        maximizes=study.maximizes,
        tests=[test.shown for test in study.range_tests],
        prior=priors_of(spec, study.system_attrs),
        short=count_short(study),
        ladder=look_at_ladder(study),
        worst=ranking[-1][0] if ranking else None,
        failed=study.tally.outcomes["failed"],
        unfinished=_unfinished(study, spec),
    )


def _full_trainings(study: StudyMirror, spec: StudySpec) -> list[FrozenTrial]:
    """The complete, pruned and diverged trials of a window, without the short ones and without those whose learning
    rate another process made something else than a number."""
    name = main_learning_rate(spec.search_space)
    return [
        trial
        for trial in snapshot_of_finished(study, best=_BEST, latest=_LATEST).trials
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        and tells_of_full(trial, spec.max_steps)
        and not is_odd(trial.params, name)
    ]


def _unfinished(study: StudyMirror, spec: StudySpec) -> list[FrozenTrial]:
    """The trials that are in training or paused, while few are complete."""
    name = main_learning_rate(spec.search_space)
    if name is None or len(study.ranking) >= ENOUGH:
        return []
    return [
        trial
        for trial in snapshot_of_unfinished(study, most=_MOST_UNFINISHED, points=_MOST_POINTS).trials
        if tells_of_full(trial, spec.max_steps) and not is_odd(trial.params, name)
    ]


def _known(study: StudyMirror) -> Known:
    """While few trials are complete, unfinished ones tell, too: anew each time that they have trained a fifth more."""
    outcomes = study.tally.outcomes
    known = outcomes["complete"], outcomes["pruned"], outcomes["diverged"], len(study.range_tests)
    if len(study.ranking) >= ENOUGH:
        return known
    return *known, outcomes["failed"], math.floor(math.log(1 + study.tally.trained) / math.log(_FURTHER))


# Keeping


def suggest(study: StudyMirror) -> Suggestion:
    """The suggestion on all that is known now, worked out in place where that was not done. Under the engine's lock."""
    kept = _kept(study)
    if kept is None or kept[0] != _known(study):
        seen = look(study)
        kept = _keep(study, seen.known, work_out(seen), _priors(study))
    return kept[1]


def latest(study: StudyMirror) -> Suggestion:
    """The suggestion that was worked out last, at once also where another prior was chosen in this very moment. Under
    the engine's lock."""
    kept = study.derived(_Kept).suggestion
    return suggest(study) if kept is None else kept[1]


def worked_out(study: StudyMirror) -> Suggestion | None:
    """The suggestion that was worked out last, whatever it lacks; None where none was. Under the engine's lock."""
    kept = study.derived(_Kept).suggestion
    return None if kept is None else kept[1]


def is_behind(study: StudyMirror, behind: float) -> bool:
    """Whether `prepare` would have something to work out. Under the engine's lock."""
    kept = _kept(study)
    return kept is None or not _covers(kept[0], _known(study), behind)


def prepare_here(engine: Engine, study: StudyMirror, *, behind: float = 0.0) -> None:
    """As `prepare`, in this thread, which is not the event loop's."""
    with engine.lock:
        kept = _kept(study)
        if kept is not None and _covers(kept[0], _known(study), behind):
            return
        seen, priors = look(study), _priors(study)
    found = work_out(seen)
    with engine.lock:
        _keep(study, seen.known, found, priors)


async def prepare(engine: Engine, study: StudyMirror, *, behind: float = 0.0) -> None:
    """Work the suggestion out in a thread, unless the kept one lacks no more than `behind` of the finished trials.

    Those who ask at the same time wait for the same work.
    """
    with engine.lock:
        known = _known(study)
    while True:
        with engine.lock:
            kept = _kept(study)
            if kept is not None and _covers(kept[0], known, behind):
                return
            keeper = study.derived(_Kept)
            task = keeper.under_way
            begun = task is None or task.done()
            if task is None or task.done():
                work = _work(engine, study, look(study), _priors(study))
                task = keeper.under_way = asyncio.get_running_loop().create_task(work)
        await asyncio.shield(task)
        if begun:
            return  # What was read after the call came in serves it, whatever has changed since.


async def _work(engine: Engine, study: StudyMirror, seen: Seen, priors: Priors) -> None:
    found = await asyncio.to_thread(work_out, seen)
    with engine.lock:
        _keep(study, seen.known, found, priors)


def _keep(study: StudyMirror, known: Known, found: Suggestion, priors: Priors) -> tuple[Known, Suggestion]:
    kept = study.derived(_Kept)
    kept.suggestion, kept.priors = (known, found), priors
    return known, found


def _priors(study: StudyMirror) -> Priors:
    """The study's priors, chosen and remembered."""
    return study.system_attrs.get(CHOSEN_PRIOR_ATTR), study.system_attrs.get(PRIOR_ATTR)


def _kept(study: StudyMirror) -> tuple[Known, Suggestion] | None:
    """The suggestion that was worked out last, unless another prior was chosen since."""
    kept = study.derived(_Kept)
    return kept.suggestion if kept.priors == _priors(study) else None


def _covers(kept: Known, known: Known, behind: float) -> bool:
    before, now = sum(kept[:3]), sum(known[:3])
    if len(kept) < len(known) or any(old < new for old, new in zip(kept[3:], known[3:], strict=False)):
        return len(kept) < len(known) and before > now  # With enough complete trials, unfinished ones no longer tell.
    return now - before <= behind * before and (behind > 0 or before > now or kept[:3] == known[:3])


def stability_of(study: StudyMirror) -> StabilityModel | None:
    """How likely learning rates are to train without diverging; None without a learning rate. Kept until another trial
    finishes. Under the engine's lock."""
    assert study.spec is not None
    known, keeper = _known(study), study.derived(_Kept)
    if keeper.stability is None or keeper.stability[0][:3] != known[:3]:
        name = main_learning_rate(study.spec.search_space)
        keeper.stability = known, stability_of_trials(_full_trainings(study, study.spec), study.spec, name)
    return keeper.stability[1]
