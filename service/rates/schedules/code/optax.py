"""A schedule in optax: its own schedules where there are such, else a function in jax.numpy."""

import math
from collections.abc import Callable

from lrtune.service.rates.schedules import cycles, decay
from lrtune.service.rates.schedules.code.pieces import Piece, Rise, pieces, starts
from lrtune.service.rates.schedules.training import Watched
from lrtune.service.wire.schedules import Schedule

Written = tuple[str, str]
"""A definition, empty where it needs none, and the expression that is the schedule."""


def optax_code(schedule: Schedule, *, base_learning_rate: float, total_steps: int) -> str | None:
    """Python that makes `schedule` and an `optimizer` of it; None for what goes by a metric, which optax's schedules do
    not see. Raises ScheduleError where it does not fit."""
    found = pieces(schedule, base_learning_rate=base_learning_rate, total_steps=total_steps)
    if any(isinstance(piece.what, Watched) for piece in found):
        return None
    written = [_written(piece) for piece in found]
    made = written[0][1]
    if len(written) > 1:
        listed = "".join(f"        {expression},\n" for _, expression in written)
        made = f"optax.join_schedules(\n    [\n{listed}    ],\n    boundaries={starts(found)},\n)"
    definitions = "".join(f"\n\n{definition}" for definition, _ in written if definition)
    imports = "import jax.numpy as jnp\nimport optax\n" if definitions else "import optax\n"
    gap = "\n\n" if definitions else "\n"
    return f"{imports}{definitions}{gap}schedule = {made}\noptimizer = optax.adamw(schedule)\n"


def _written(piece: Piece) -> Written:
    what = piece.what
    if isinstance(what, Rise):
        return _rise(piece, what)
    assert not isinstance(what, Watched)
    return _WRITERS[what](piece)


def _call(name: str, *given: float) -> Written:
    return "", f"optax.{name}({', '.join(repr(value) for value in given)})"


def _define(piece: Piece, name: str, *lines: str) -> Written:
    """A function of the step; the last line is what it returns."""
    called = f"{name}_from_{piece.start}"
    *before, last = lines
    body = "".join(f"    {line}\n" for line in [*before, f"return {last}"])
    return f"def {called}(step):\n{body}", called


def _rise(piece: Piece, what: Rise) -> Written:
    low = what.start_factor * what.target
    if what.kind == "linear":
        return _call("linear_schedule", low, what.target, what.steps)
    part = f"part = (1 - jnp.cos(jnp.pi * jnp.clip(step / {what.steps}, 0, 1))) / 2"
    return _define(piece, "warmup", part, f"{low!r} + {what.target - low!r} * part")


def _constant(piece: Piece) -> Written:
    return _call("constant_schedule", piece.numbers["learning_rate"])


def _step(piece: Piece) -> Written:
    n = piece.numbers
    return "", f"optax.exponential_decay({n['learning_rate']!r}, {n['decay_steps']}, {n['gamma']!r}, staircase=True)"


def _multistep(piece: Piece) -> Written:
    n = piece.numbers
    boundaries = dict.fromkeys(n["milestones"], n["gamma"])
    return "", f"optax.piecewise_constant_schedule({n['learning_rate']!r}, {boundaries!r})"


def _exponential(piece: Piece) -> Written:
    n = piece.numbers
    return _powers(piece, f"{n['gamma']!r}")


def _exponential_in_k(piece: Piece) -> Written:
    n = piece.numbers
    place = f"step // {n['decay_steps']}" if n["staircase"] else f"step / {n['decay_steps']}"
    if abs(n["k"]) < 700:
        return _powers(piece, f"{math.exp(-n['k'])!r}")
    return _define(piece, "exponential", f"{n['learning_rate']!r} * jnp.exp({-n['k']!r} * ({place}))")


def _powers(piece: Piece, gamma: str) -> Written:
    n = piece.numbers
    rest = ", staircase=True" if n["staircase"] else ""
    return "", f"optax.exponential_decay({n['learning_rate']!r}, {n['decay_steps']}, {gamma}{rest})"


def _inverse_time(piece: Piece) -> Written:
    n = piece.numbers
    return _define(piece, "inverse_time", f"{n['learning_rate']!r} / (1 + {n['k']!r} * jnp.maximum(step, 0))")


def _inverse_sqrt(piece: Piece) -> Written:
    n = piece.numbers
    place = f"(jnp.maximum(step, 0) + {n['timescale']}) / {n['timescale']}"
    return _define(piece, "inverse_sqrt", f"{n['learning_rate']!r} / jnp.sqrt({place})")


def _polynomial(piece: Piece) -> Written:
    n = piece.numbers
    if n["power"] == 1:
        return _call("linear_schedule", n["learning_rate"], n["min_lr"], n["decay_steps"])
    return _call("polynomial_schedule", n["learning_rate"], n["min_lr"], n["power"], n["decay_steps"])


def _cosine(piece: Piece) -> Written:
    n = piece.numbers
    return _call("cosine_decay_schedule", n["learning_rate"], n["decay_steps"], n["min_lr"] / n["learning_rate"])


def _one_minus_sqrt(piece: Piece) -> Written:
    n = piece.numbers
    part = f"part = jnp.sqrt(jnp.clip(step / {n['decay_steps']}, 0, 1))"
    return _define(piece, "decay", part, f"{n['min_lr']!r} + {n['learning_rate'] - n['min_lr']!r} * (1 - part)")


def _cosine_restarts(piece: Piece) -> Written:
    """A function where all cycles are of one length; they become longer otherwise, and few."""
    n = piece.numbers
    rate, low, first, gamma, count = (
        n[key] for key in ("learning_rate", "min_lr", "first_cycle", "gamma", "num_cycles")
    )
    if n["multiplier"] == 1:
        lines = [
            f"cycle, position = jnp.maximum(step, 0) // {first}, jnp.maximum(step, 0) % {first}",
            f"top = jnp.maximum({rate!r} * {gamma!r}**cycle, {low!r})",
            f"rate = {low!r} + (top - {low!r}) * (1 + jnp.cos(jnp.pi * position / {first})) / 2",
        ]
        ended = f"jnp.where(cycle < {count}, rate, {low!r})"
        return _define(piece, "restarts", *lines, "rate" if count is None else ended)
    begins: list[int] = []
    parts: list[str] = []
    at, length = 0, first
    while at < piece.steps and (count is None or len(parts) < count):
        top = max(rate * gamma ** len(parts), low)
        parts.append(f"optax.cosine_decay_schedule({top!r}, {length}, {low / top!r})")
        begins.append(at)
        at, length = at + length, length * n["multiplier"]
    if at < piece.steps:
        parts.append(f"optax.constant_schedule({low!r})")
        begins.append(at)
    return "", f"optax.join_schedules([{', '.join(parts)}], boundaries={begins[1:]})"


def _cyclical(piece: Piece) -> Written:
    n = piece.numbers
    whole = n["up"] + n["down"]
    scale = {"triangular": "", "triangular2": f" / 2.0**(step // {whole})", "exp_range": f" * {n['gamma']!r}**step"}
    return _define(
        piece,
        "cyclical",
        "step = jnp.maximum(step, 0)",
        f"position = step % {whole}",
        f"height = jnp.minimum(position / {n['up']}, ({whole} - position) / {n['down']})",
        f"{n['min_lr']!r} + {n['learning_rate'] - n['min_lr']!r} * height{scale[n['mode']]}",
    )


def _one_cycle(piece: Piece) -> Written:
    knots = cycles.one_cycle_knots(**{key: value for key, value in piece.numbers.items() if key != "anneal"})
    places, values = [place for place, _ in knots], [value for _, value in knots]
    if piece.numbers["anneal"] == "linear" or len(knots) == 1:
        return _define(piece, "one_cycle", f"jnp.interp(step, jnp.array({places}), jnp.array({values}))")
    lines = [f"rate = {values[0]!r}"]
    for begin, end, low, high in zip(places, places[1:], values, values[1:], strict=False):
        part = f"jnp.clip((step - {begin!r}) / {end - begin!r}, 0, 1)"
        lines.append(f"rate += {high - low!r} * (1 - jnp.cos(jnp.pi * {part})) / 2")
    return _define(piece, "one_cycle", *lines, "rate")


_WRITERS: dict[Callable[..., float], Callable[[Piece], Written]] = {
    decay.constant: _constant,
    decay.step_decay: _step,
    decay.multistep: _multistep,
    decay.exponential: _exponential,
    decay.exponential_in_k: _exponential_in_k,
    decay.inverse_time: _inverse_time,
    decay.inverse_sqrt: _inverse_sqrt,
    decay.polynomial: _polynomial,
    decay.cosine: _cosine,
    decay.one_minus_sqrt: _one_minus_sqrt,
    cycles.cosine_restarts: _cosine_restarts,
    cycles.cyclical: _cyclical,
    cycles.one_cycle: _one_cycle,
}
