"""Short trainings: which learning rate to train next, and for how long, where a training anneals within any length.

Rather than stopping a long, annealed training early, where ranks mislead, ask for a short one: its schedule ends where
it ends. For 3.5 full trainings: 7 rates at a ninth of the length, 2 at a third, 2 in full, each chosen by a model of
the loss over rate and length (`ladder.model`), which moves the rates down as trainings grow longer. What each choice
does for the result: docs/explanation/ladder.md. Pure, and the same for the same trainings in whatever order they are
given.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lrtune.service.tuning.auto.ladder.interval import interval
from lrtune.service.tuning.auto.ladder.model import Outcomes, Scale, fit
from lrtune.service.tuning.auto.ladder.rates import DOWN_WHERE_ALL_DIVERGE, Centre, chosen, lattice, spread, stable

__all__ = [
    "BUDGET",
    "Answer",
    "Centre",
    "Step",
    "Training",
    "answer",
    "centre_of",
    "counts",
    "lengths_of",
    "next_training",
]

BUDGET = 3.5
"""In full trainings."""

_REDUCTION = 3
_LONGEST_RATIO = 9
_FULL_SHARE = 0.6
"""Of the budget, at most so much goes into full trainings: two of 3.5. One alone leaves the answer to one seed."""

_FILLING = 2
"""Of the shortest trainings, so many are placed by what the first of them showed."""


@dataclass(frozen=True)
class Training:
    """One training: its rate, its length in steps, its final loss (lower is better; None while it runs, not finite
    where it diverged). `ours`: whether the ladder asked for it. Others are evidence, but cost it nothing, and it does
    not wait for them."""

    learning_rate: float
    steps: int
    loss: float | None
    ours: bool = True


@dataclass(frozen=True)
class Step:
    """What to do with a free worker. "wait": results that are under way decide what is next; "done": the budget is
    spent. Only "train" has a rate and a length."""

    kind: Literal["train", "wait", "done"]
    explanation: str
    learning_rate: float | None = None
    steps: int | None = None


@dataclass(frozen=True)
class Answer:
    """The rate to train with in full. `expected_loss`: of a full training; None while none has finished.
    `interval`: at 80 % the best rate lies in it (`ladder.interval`); None while no training has ended.
    `steps`: the length of the longest trainings it rests on, 0 where it rests on the centre alone."""

    learning_rate: float
    expected_loss: float | None
    steps: int
    explanation: str
    interval: tuple[float, float] | None = None


def lengths_of(max_steps: int) -> tuple[int, ...]:
    """The lengths of a ladder, rising: a ninth, a third and all of a full training, in steps.

    lengths_of(90) is (10, 30, 90); lengths_of(3) is (1, 3); lengths_of(1) is (1,). Raises ValueError below 1.
    """
    if max_steps < 1:
        raise ValueError(f"max_steps must be at least 1, not {max_steps}")
    lengths = (max_steps / _LONGEST_RATIO, max_steps / _REDUCTION, max_steps)
    return tuple(sorted({round(length) for length in lengths if length >= 1}))


def counts(max_steps: int, budget: float = BUDGET) -> tuple[int, ...]:
    """How many trainings each length gets, the shortest first; together at most `budget` full trainings.

    What full trainings leave is divided evenly among the shorter lengths. counts(90) is (7, 2, 2), counts(90, 3) is
    (9, 3, 1).
    """
    lengths = lengths_of(max_steps)
    share = _FULL_SHARE if len(lengths) > 1 else 1.0
    found = [max(min(1, math.floor(budget)), math.floor(share * budget + 1e-9))]
    left = budget * max_steps - found[0] * max_steps
    for place in range(len(lengths) - 2, -1, -1):
        found.insert(0, math.floor(left / (place + 1) / lengths[place] + 1e-9))
        left -= found[0] * lengths[place]
    return tuple(found)


def centre_of(history: float | None, tested: float | None, decades: float | None = None) -> Centre | None:
    """The log-mean of what past studies found best and what a range test recommends; one where one is missing.

    `decades`: the spread of the history, where known.
    """
    rates = [rate for rate in (history, tested) if rate is not None]
    if not rates:
        return None
    spread = decades if decades is not None and len(rates) == 1 and history is not None else 0.5
    return Centre(math.exp(sum(math.log(rate) for rate in rates) / len(rates)), spread)


def next_training(
    trainings: Sequence[Training],
    *,
    low: float,
    high: float,
    max_steps: int,
    centre: Centre | None = None,
    budget: float = BUDGET,
) -> Step:
    """What to train next, given all trainings so far, those under way included: a rate within [low, high] and a length.

    Costs a few ms. Raises ValueError where `max_steps` is below 1.
    """
    seen, grid = _outcomes(trainings, max_steps), lattice(low, high)
    own = [training for training in trainings if training.ours]
    spent = sum(training.steps for training in own)
    lengths, plan = lengths_of(max_steps), counts(max_steps, budget)
    for place, (steps, many) in enumerate(zip(lengths, plan, strict=True)):
        level = _level(steps, max_steps)
        begun = sum(training.steps == steps for training in own)
        if begun >= many or spent + steps > budget * max_steps + 1e-9:
            continue
        first = max(many - _FILLING, 1) if place == 0 else 0
        rests_on = lengths[max(place - 1, 0)]
        if begun < first or not len(seen.x):
            found, told = spread(seen, grid, level, first or 1, centre)
        elif not _ended(seen, _level(rests_on, max_steps)):
            return Step("wait", f"what is next rests on trainings of {rests_on} steps that are under way")
        else:
            found, told = chosen(seen, grid, level, filling=place == 0)
        if found is not None:
            rate = min(max(10**found, low), high)
            return Step("train", f"training {begun + 1} of {many} of {steps} steps: {told}", rate, steps)
    if any(training.loss is None for training in own):
        return Step("wait", "the last trainings of the ladder are under way")
    return Step("done", f"{spent / max_steps:.2f} of {budget:g} full trainings are spent")


def answer(
    trainings: Sequence[Training], *, low: float, high: float, max_steps: int, centre: Centre | None = None
) -> Answer:
    """The rate for full trainings, by all that has ended so far. Never one above all those that were trained in full
    and did not diverge: what lies past the valley costs more than what lies before it."""
    seen, grid = _outcomes(trainings, max_steps), lattice(low, high)
    full = seen.at(0.0) & seen.finished
    if not seen.finished.any():
        return _unproved(seen, low, high, centre)
    scale = Scale.of(seen)
    model = fit(seen, scale)
    if full.any():
        tried = np.unique(seen.x[full])
        safe = tried[stable(seen, tried, 0.0)]
        tried = safe if len(safe) else tried
        steps, told = max_steps, f"the best of {full.sum()} full trainings, smoothed by the shorter ones"
    else:
        tried = grid[(grid >= seen.x.min()) & (grid <= seen.x[seen.finished].max()) & stable(seen, grid, 0.0)]
        tried = tried if len(tried) else seen.x[seen.finished][:1]
        steps = round(max_steps * 3 ** float(seen.level[seen.finished].max()))
        told = f"{seen.finished.sum()} shorter trainings, moved down {model.shift:.2g} decades for 3 × the length"
    means, _ = model.predict(tried, 0.0)
    place = int(np.argmin(means))
    expected = scale.loss(float(means[place]), float(seen.loss[full].min())) if full.any() else None
    rate = min(max(10 ** float(tried[place]), low), high)
    return Answer(rate, expected, steps, told, interval(seen, model, rate, low=low, high=high))


def _unproved(seen: Outcomes, low: float, high: float, centre: Centre | None) -> Answer:
    if seen.diverged.any():
        rate = 10 ** float(seen.x[seen.diverged].min() - DOWN_WHERE_ALL_DIVERGE)
        told = "every training diverged so far: half a decade below the lowest"
    else:
        rate = math.sqrt(low) * math.sqrt(high) if centre is None else centre.learning_rate
        told = (
            "no training has ended: the middle of the bounds" if centre is None else "no training has ended: the centre"
        )
    return Answer(min(max(rate, low), high), None, 0, told)


def _ended(seen: Outcomes, level: float) -> bool:
    """Whether all trainings of a length have ended. Results of half of them mislead: with 4 workers 66 %
    of the answers were within 1.1 × of the best loss, 81 % where all are waited for."""
    return bool((seen.finished | seen.diverged)[seen.at(level)].all())


def _level(steps: int, max_steps: int) -> float:
    return math.log(steps / max_steps) / math.log(_REDUCTION)


def _outcomes(trainings: Sequence[Training], max_steps: int) -> Outcomes:
    """In an order of their own: the order of arrival changes nothing."""
    ended = [math.nan if one.loss is None else one.loss if math.isfinite(one.loss) else math.inf for one in trainings]
    rows = sorted(
        (_level(one.steps, max_steps), one.learning_rate, loss) for one, loss in zip(trainings, ended, strict=True)
    )
    level, rate, loss = np.array(rows, dtype=float).reshape(len(rows), 3).T
    diverged = np.isinf(loss)
    return Outcomes(np.log10(rate), level, np.where(diverged, np.nan, loss), diverged)
