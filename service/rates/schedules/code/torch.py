"""A schedule in torch: its own schedulers where they give the same rates, else `lrtune.ScheduledLR`.

They do not where torch has no such formula, rises again where ours stays, or moves the rate that another part of the
same schedule goes by (CyclicLR and OneCycleLR behind a warm-up).
"""

import math
from collections.abc import Callable
from typing import Any

from lrtune.service.rates.schedules import cycles, decay
from lrtune.service.rates.schedules.code.pieces import Piece, Rise, pieces, shortest_form, starts
from lrtune.service.rates.schedules.training import Watched
from lrtune.service.wire.schedules import Schedule

_STEP = "# After each of the {steps} batches: optimizer.step(), then scheduler.step()."
_METRIC = "# After each measurement: scheduler.step(metric)."


def torch_code(schedule: Schedule, *, base_learning_rate: float, total_steps: int) -> str:
    """Python that makes `optimizer` and `scheduler` for a `model`. Raises ScheduleError where it does not fit."""
    found = pieces(schedule, base_learning_rate=base_learning_rate, total_steps=total_steps)
    made = [_made(piece, alone=len(found) == 1) for piece in found]
    rate = _rate_of(found[-1])
    plain = [one for one in made if one is not None]
    if len(plain) < len(made) or not all(math.isclose(_rate_of(piece), rate, rel_tol=1e-12) for piece in found):
        return _ours(schedule, base_learning_rate, total_steps)
    names = sorted({one.partition("(")[0] for one in plain} | ({"SequentialLR"} if len(plain) > 1 else set()))
    scheduler = plain[0]
    if len(plain) > 1:
        listed = "".join(f"        {one},\n" for one in plain)
        scheduler = f"SequentialLR(\n    optimizer,\n    [\n{listed}    ],\n    milestones={starts(found)},\n)"
    after = _METRIC if isinstance(found[0].what, Watched) else _STEP.format(steps=total_steps)
    return _text(f"from torch.optim.lr_scheduler import {', '.join(names)}", rate, scheduler, after)


def _ours(schedule: Schedule, rate: float, total_steps: int) -> str:
    scheduler = f"ScheduledLR(optimizer, {shortest_form(schedule)!r}, total_steps={total_steps})"
    return _text("from lrtune import ScheduledLR", rate, scheduler, _STEP.format(steps=total_steps))


def _text(imports: str, rate: float, scheduler: str, after: str) -> str:
    optimizer = f"optimizer = torch.optim.AdamW(model.parameters(), lr={rate!r})"
    return f"import torch\n{imports}\n\n{optimizer}\nscheduler = {scheduler}\n{after}\n"


def _rate_of(piece: Piece) -> float:
    what = piece.what
    if isinstance(what, Rise):
        return what.target
    return what.state.learning_rate if isinstance(what, Watched) else float(piece.numbers["learning_rate"])


def _made(piece: Piece, *, alone: bool) -> str | None:
    """The call that makes torch's scheduler; None where torch has none with these rates."""
    what = piece.what
    if isinstance(what, Rise):
        linear = what.kind == "linear"
        return _call("LinearLR", start_factor=what.start_factor, total_iters=what.steps) if linear else None
    if isinstance(what, Watched):
        return _plateau(what) if alone else None
    write = _WRITERS.get(what) or (_WRITERS_ALONE.get(what) if alone else None)
    return None if write is None else write(piece)


def _call(name: str, **given: Any) -> str:
    return f"{name}(optimizer, {', '.join(f'{key}={value!r}' for key, value in given.items())})"


def _plateau(what: Watched) -> str:
    s = what.schedule
    names = ("mode", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps")
    return _call("ReduceLROnPlateau", factor=s.gamma, **{name: getattr(s, name) for name in names})


def _constant(_: Piece) -> str:
    return _call("ConstantLR", factor=1.0, total_iters=0)


def _step(piece: Piece) -> str | None:
    n = piece.numbers
    return _held(piece, _call("StepLR", step_size=n["decay_steps"], gamma=n["gamma"]))


def _multistep(piece: Piece) -> str | None:
    return _held(
        piece, _call("MultiStepLR", milestones=list(piece.numbers["milestones"]), gamma=piece.numbers["gamma"])
    )


def _exponential(piece: Piece) -> str | None:
    return _powers(piece, piece.numbers["gamma"])


def _exponential_in_k(piece: Piece) -> str | None:
    k = piece.numbers["k"]
    return _powers(piece, math.exp(-k)) if abs(k) < 700 else None


def _powers(piece: Piece, gamma: float) -> str | None:
    steps = piece.numbers["decay_steps"]
    if piece.numbers["staircase"]:
        return _held(piece, _call("StepLR", step_size=steps, gamma=gamma))
    return _held(piece, _call("ExponentialLR", gamma=gamma ** (1.0 / steps)))


def _held(piece: Piece, made: str) -> str | None:
    """`made`, where no rate is beyond what torch's products can hold."""
    assert piece.function is not None
    last = piece.function(piece.steps - 1)
    return made if 1e-300 < last < 1e300 else None


def _polynomial(piece: Piece) -> str | None:
    n = piece.numbers
    if n["min_lr"] == 0:
        return _call("PolynomialLR", total_iters=n["decay_steps"], power=n["power"])
    if n["power"] == 1:
        end = n["min_lr"] / n["learning_rate"]
        return _call("LinearLR", start_factor=1.0, end_factor=end, total_iters=n["decay_steps"])
    return None


def _cosine(piece: Piece) -> str | None:
    n = piece.numbers
    rises_again = piece.steps - 1 > n["decay_steps"]
    return None if rises_again else _call("CosineAnnealingLR", T_max=n["decay_steps"], eta_min=n["min_lr"])


def _cosine_restarts(piece: Piece) -> str | None:
    n = piece.numbers
    last = cycles.cycle_of(piece.steps - 1, n["first_cycle"], n["multiplier"])[0]
    if n["gamma"] != 1 or (n["num_cycles"] is not None and last >= n["num_cycles"]):
        return None
    given = {"T_0": n["first_cycle"], "T_mult": n["multiplier"], "eta_min": n["min_lr"]}
    return _call("CosineAnnealingWarmRestarts", **given)


def _cyclical(piece: Piece) -> str | None:
    n = piece.numbers
    given = {"base_lr": n["min_lr"], "max_lr": n["learning_rate"], "step_size_up": n["up"], "step_size_down": n["down"]}
    return _call("CyclicLR", **given, mode=n["mode"], gamma=n["gamma"], cycle_momentum=False)


def _one_cycle(piece: Piece) -> str | None:
    n = piece.numbers
    if n["pct_start"] * n["total_steps"] <= 1 or piece.steps > n["total_steps"]:
        return None
    given = {name: n[name] for name in ("total_steps", "pct_start", "div_factor", "final_div_factor", "three_phase")}
    anneal = {"cosine": "cos"}.get(n["anneal"], n["anneal"])
    return _call("OneCycleLR", max_lr=n["learning_rate"], **given, anneal_strategy=anneal, cycle_momentum=False)


_WRITERS: dict[Callable[..., float], Callable[[Piece], str | None]] = {
    decay.constant: _constant,
    decay.step_decay: _step,
    decay.multistep: _multistep,
    decay.exponential: _exponential,
    decay.exponential_in_k: _exponential_in_k,
    decay.polynomial: _polynomial,
    decay.cosine: _cosine,
    cycles.cosine_restarts: _cosine_restarts,
}
_WRITERS_ALONE: dict[Callable[..., float], Callable[[Piece], str | None]] = {
    cycles.cyclical: _cyclical,
    cycles.one_cycle: _one_cycle,
}
"""Of schedulers that set the initial rate of the optimizer, so that no other may stand beside them."""
