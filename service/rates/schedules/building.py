"""From a schedule's JSON form to its function: step → rate, on the schedule's own clock.

What is built can be looked at as well as called: formulas of `decay` and `cycles` with their numbers (`partial`), put
together by `parts`. `code` writes them down for other libraries.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from lrtune.service.rates.schedules import cycles, decay
from lrtune.service.rates.schedules.parts import Joined, RateFunction, Warmed
from lrtune.service.rates.schedules.plateau import PlateauState
from lrtune.service.rates.schedules.training import Span, Watched, short_warmup
from lrtune.service.wire.schedules import models, union
from lrtune.service.wire.schedules.base import ScheduleModel, WarmedSchedule

_SHAPES: dict[str, Callable[..., float]] = {
    "linear": partial(decay.polynomial, power=1.0),
    "cosine": decay.cosine,
    "1-sqrt": decay.one_minus_sqrt,
}
_WSD_DECAY = 0.2
_SMALL = 0.01
"""Where open-ended decays are after the whole training, unless told otherwise."""


def build(schedule: ScheduleModel, span: Span) -> RateFunction:
    """The function of `schedule` over `span`. Raises ScheduleError where the two do not fit."""
    if not isinstance(schedule, WarmedSchedule):
        return _BUILDERS[type(schedule)](schedule, span)
    if schedule.lr is not None:
        span = replace(span, learning_rate=schedule.lr)
    steps = _warmup_steps(schedule, span)
    if not steps:
        return _BUILDERS[type(schedule)](schedule, span)
    then = _BUILDERS[type(schedule)](schedule, span.after(steps))
    return Warmed(steps, schedule.warmup_kind, None, then)


def _warmup_steps(schedule: WarmedSchedule, span: Span) -> int:
    if isinstance(schedule, models.Wsd) and schedule.warmup_steps is None and schedule.warmup_fraction is None:
        return short_warmup(span.total_steps)
    return span.warmup_of(schedule)


def _constant(_: models.Constant, span: Span) -> RateFunction:
    return partial(decay.constant, learning_rate=span.learning_rate)


def _step(s: models.Step, span: Span) -> RateFunction:
    steps = s.decay_steps or -(-span.horizon("decay_steps") // 3)
    return partial(decay.step_decay, learning_rate=span.learning_rate, decay_steps=steps, gamma=s.gamma)


def _multistep(s: models.MultiStep, span: Span) -> RateFunction:
    if s.milestones is None:
        total = span.horizon("milestones")
        milestones = [max(1, total // 2), max(2, total * 3 // 4)]
    else:
        milestones = s.milestones
    return partial(decay.multistep, learning_rate=span.learning_rate, milestones=milestones, gamma=s.gamma)


def _exponential(s: models.Exponential, span: Span) -> RateFunction:
    shape: dict[str, Any] = {
        "learning_rate": span.learning_rate,
        "decay_steps": s.decay_steps,
        "staircase": s.staircase,
    }
    if s.k is not None:
        return partial(decay.exponential_in_k, k=s.k, **shape)
    gamma = s.gamma
    if gamma is None:
        gamma = _SMALL ** (s.decay_steps / max(span.horizon("gamma"), s.decay_steps))
    return partial(decay.exponential, gamma=gamma, **shape)


def _inverse_time(s: models.InverseTime, span: Span) -> RateFunction:
    k = 9.0 / span.horizon("k") if s.k is None else s.k
    return partial(decay.inverse_time, learning_rate=span.learning_rate, k=k)


def _inverse_sqrt(s: models.InverseSqrt, span: Span) -> RateFunction:
    timescale = s.timescale or max(span.warmup_steps, 1)
    return partial(decay.inverse_sqrt, learning_rate=span.learning_rate, timescale=timescale)


def _polynomial(s: models.Polynomial | models.Linear, span: Span) -> RateFunction:
    steps, low = s.decay_steps or span.horizon("decay_steps"), span.floor(s)
    power = s.power if isinstance(s, models.Polynomial) else 1.0
    return partial(decay.polynomial, learning_rate=span.learning_rate, decay_steps=steps, power=power, min_lr=low)


def _cosine(s: models.Cosine, span: Span) -> RateFunction:
    steps, low = s.decay_steps or span.horizon("decay_steps"), span.floor(s)
    return partial(decay.cosine, learning_rate=span.learning_rate, decay_steps=steps, min_lr=low)


def _cosine_restarts(s: models.CosineRestarts, span: Span) -> RateFunction:
    rate, low, count = span.learning_rate, span.floor(s), s.num_cycles
    if s.decay_steps is not None:
        first = s.decay_steps
    else:
        count = count or 3
        first = cycles.first_cycle(span.horizon("decay_steps"), count, s.multiplier)
    shape: dict[str, Any] = {"multiplier": s.multiplier, "gamma": s.gamma, "num_cycles": count}
    return partial(cycles.cosine_restarts, learning_rate=rate, first_cycle=first, min_lr=low, **shape)


def _cyclical(s: models.Cyclical, span: Span) -> RateFunction:
    rate = span.learning_rate
    low = rate / 10 if s.min_lr is None else span.at_most_the_rate(s.min_lr)
    up = s.step_size_up or -(-span.horizon("step_size_up") // (2 * (s.num_cycles or 3)))
    gamma = s.gamma
    if gamma is None:
        gamma = _SMALL ** (1.0 / span.horizon("gamma")) if s.mode == "exp_range" else 1.0
    shape: dict[str, Any] = {"up": up, "down": s.step_size_down or up, "mode": s.mode, "gamma": gamma}
    return partial(cycles.cyclical, learning_rate=rate, min_lr=low, **shape)


def _one_cycle(s: models.OneCycle, span: Span) -> RateFunction:
    names = ("pct_start", "div_factor", "final_div_factor", "anneal", "three_phase")
    shape: dict[str, Any] = {name: getattr(s, name) for name in names}
    total = s.total_steps or span.horizon("total_steps")
    return partial(cycles.one_cycle, learning_rate=span.learning_rate, total_steps=total, **shape)


def _wsd(s: models.Wsd, span: Span) -> RateFunction:
    low, rate = span.floor(s), span.learning_rate
    stable_rate = partial(decay.constant, learning_rate=rate)
    if span.total_steps is None and s.stable_steps is None:
        return stable_rate
    steps = _wsd_decay_steps(s, span)
    stable = span.horizon("stable_steps") - steps if s.stable_steps is None else s.stable_steps
    if span.total_steps is not None and (stable < 0 or stable + steps > span.total_steps):
        whole = span.warmup_steps + span.total_steps
        need = f"{span.warmup_steps} + {s.stable_steps or 0} + {steps}"
        raise span.error("decay_steps", f"warm-up, stable and decay overlap: {need} steps do not fit into {whole}")
    falling = partial(_SHAPES[s.decay], learning_rate=rate, decay_steps=steps, min_lr=low)
    return falling if stable == 0 else Joined((stable,), (stable_rate, falling))


def _wsd_decay_steps(s: models.Wsd, span: Span) -> int:
    if s.decay_steps is not None:
        return s.decay_steps
    share = _WSD_DECAY if s.decay_fraction is None else s.decay_fraction
    return max(1, round(share * (span.warmup_steps + span.horizon("decay_steps"))))


def _plateau(s: models.Plateau, span: Span) -> RateFunction:
    end = None if span.total_steps is None else span.first_step + span.total_steps
    start = PlateauState(span.learning_rate)
    span.at_most_the_rate(s.min_lr)
    watched = Watched(s, span.first_step, end, start)
    span.plateaus.append(watched)
    return watched


def _warmup(s: union.Warmup, span: Span) -> RateFunction:
    steps = span.checked_warmup("steps", s.steps)
    return Warmed(steps, s.kind, s.start_factor, build(s.then, span.after(steps, "then")))


def _join(s: union.Join, span: Span) -> RateFunction:
    milestones = s.milestones
    if span.total_steps is not None and milestones and milestones[-1] >= span.total_steps:
        last = milestones[-1]
        raise span.error("milestones", f"the last schedule has no step: {last} must be less than {span.total_steps}")
    starts, ends = [0, *milestones], [*milestones, span.total_steps]
    parts = tuple(
        build(inner, span.part(start, end, "schedules", index))
        for index, (inner, start, end) in enumerate(zip(s.schedules, starts, ends, strict=True))
    )
    return Joined(tuple(milestones), parts)


def default_schedule(total_steps: int | None) -> union.Schedule:
    """What to train with unless there is a reason for another: a short warm-up, then linear to zero; while the
    number of steps is open (None), warm-up and stable, with a decay of 1 − √ once it is known.
    """
    if total_steps is None:
        return models.Wsd(warmup_steps=short_warmup(None))
    return models.Linear(warmup_steps=short_warmup(total_steps))


def _default(_: union.Default, span: Span) -> RateFunction:
    return build(default_schedule(span.total_steps), span)


_BUILDERS: dict[type[ScheduleModel], Callable[[Any, Span], RateFunction]] = {
    models.Constant: _constant,
    models.Step: _step,
    models.MultiStep: _multistep,
    models.Exponential: _exponential,
    models.InverseTime: _inverse_time,
    models.InverseSqrt: _inverse_sqrt,
    models.Polynomial: _polynomial,
    models.Linear: _polynomial,
    models.Cosine: _cosine,
    models.CosineRestarts: _cosine_restarts,
    models.Cyclical: _cyclical,
    models.OneCycle: _one_cycle,
    union.Warmup: _warmup,
    models.Wsd: _wsd,
    models.Plateau: _plateau,
    union.Join: _join,
    union.Default: _default,
}
