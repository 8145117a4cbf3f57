"""All questions about a study's health, and keeping the answers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.health.bounds import at_bound
from lrtune.service.tuning.health.diverging import diverging
from lrtune.service.tuning.health.early_ranks import early_ranks
from lrtune.service.tuning.health.evidence import Evidence
from lrtune.service.tuning.health.hung import hung
from lrtune.service.tuning.health.look import look
from lrtune.service.tuning.health.one_bug import one_bug
from lrtune.service.tuning.health.past_random import past_random
from lrtune.service.tuning.health.workers import unequal_workers
from lrtune.service.wire.health import HealthCard, StudyHealth

QUESTIONS: tuple[Callable[[Evidence], HealthCard], ...] = (
    past_random,
    diverging,
    at_bound,
    early_ranks,
    one_bug,
    hung,
    unequal_workers,
)

_LEAST_AGE_SECONDS = 5.0
"""A busy study's cards are worked out no more often."""
_MOST_AGE_SECONDS = 30.0
"""Silence changes no version, and is told all the same while trials are in training."""

InThread = Callable[[Callable[[], list[HealthCard]]], Awaitable[list[HealthCard]]]


@dataclass
class _Kept:
    """The cards that were worked out last and when, by the clock of elapsed time; and the work under way."""

    health: StudyHealth | None = None
    worked_out_at: float = 0.0
    under_way: "asyncio.Task[StudyHealth] | None" = None


def cards_of(evidence: Evidence) -> list[HealthCard]:
    """The answers to all questions. Touches nothing that is shared; for a thread."""
    return [question(evidence) for question in QUESTIONS]


async def health_of(engine: Engine, study: StudyMirror, in_thread: InThread) -> StudyHealth:
    """The health of a study, as it is now or was some seconds ago. Those who ask together wait for the same work."""
    with engine.lock:
        kept = study.derived(_Kept)
        if kept.health is not None and _still_holds(kept, study, engine.elapsed()):
            return kept.health
        task = kept.under_way
        if task is None or task.done():
            work = _work(engine, study, kept, in_thread)
            task = kept.under_way = asyncio.get_running_loop().create_task(work)
    return await asyncio.shield(task)


def _still_holds(kept: _Kept, study: StudyMirror, now: float) -> bool:
    assert kept.health is not None
    age = now - kept.worked_out_at
    if age < _LEAST_AGE_SECONDS:
        return True
    return kept.health.version == study.version and (not study.leased or age < _MOST_AGE_SECONDS)


async def _work(engine: Engine, study: StudyMirror, kept: _Kept, in_thread: InThread) -> StudyHealth:
    with engine.lock:
        version, elapsed = study.version, engine.elapsed()
        evidence = look(study, engine.clock(), elapsed)
    cards = await in_thread(lambda: cards_of(evidence))
    health = StudyHealth(study=study.name, version=version, cards=cards)
    with engine.lock:
        kept.health, kept.worked_out_at = health, elapsed
    return health
