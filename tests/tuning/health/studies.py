"""Studies made up for the health cards: what is known of them, without a service."""

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from lrtune.service.tuning.health.evidence import Evidence, Trained
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.studies import StudySpec

STEPS = 20
RATE: dict[str, Any] = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}
MIXED: dict[str, Any] = RATE | {
    "dropout": {"type": "float", "low": 0.0, "high": 0.5},
    "num_layers": {"type": "int", "low": 1, "high": 12},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
}
Curve = Callable[[Mapping[str, Any], Random], list[float]]
Draw = Callable[[int, Random], dict[str, Any]]


def evidence(trials: list[Trained], *, space: dict[str, Any] = RATE, **more: Any) -> Evidence:
    """All that is known of a study with these trials, by number."""
    spec = StudySpec.model_validate(
        {"name": "s", "search_space": space, "max_steps": STEPS, **more.pop("spec", {})}, strict=False
    )
    ranked = sorted((t for t in trials if t.outcome == "complete" and t.loss is not None), key=lambda t: t.loss or 0.0)
    rate = main_learning_rate(spec.search_space)
    steps = {outcome: sum(len(t.curve) for t in trials if t.outcome == outcome) for outcome in ("diverged",)}
    fields: dict[str, Any] = {
        "study": "s",
        "spec": spec,
        "full_steps": STEPS,
        "sign": -1.0 if spec.direction == "maximize" else 1.0,
        "trials": tuple(trials),
        "best": tuple(ranked[:20]),
        "complete": len(ranked),
        "running": (),
        "lapses": (),
        "trained_steps": sum(len(t.curve) for t in trials),
        "diverged_steps": steps["diverged"],
        "range_tests": (),
        "rate": rate,
        "has_prior": False,
        "steps_are_folds": False,
        "now": 1000.0,
    }
    return Evidence(**(fields | more))


def trained(number: int, params: Mapping[str, Any], curve: list[float], *, sign: float = 1.0, **more: Any) -> Trained:
    """A trial with these losses step by step: stopped where they end early, diverged where the last is not finite."""
    reports = {step: sign * value for step, value in enumerate(curve, 1)}
    outcome = "diverged" if not math.isfinite(curve[-1]) else "complete" if len(curve) == STEPS else "pruned"
    loss = curve[-1] if outcome == "complete" else None
    return Trained(number=number, outcome=outcome, params=params, loss=loss, curve=reports, **more)  # type: ignore[arg-type]


def draw_mixed(rng: Random) -> dict[str, Any]:
    """A point of `MIXED` at random."""
    return {
        "learning_rate": 10 ** rng.uniform(-5, 0),
        "dropout": rng.uniform(0, 0.5),
        "num_layers": rng.randint(1, 12),
        "optimizer": rng.choice(["sgd", "adamw"]),
    }


def valley(best: float, *, noise: float = 0.05, edge: float = math.inf) -> Curve:
    """Losses that fall towards an end which is lowest at the rate `best`; from `edge` on they diverge."""

    def curve(params: Mapping[str, Any], rng: Random) -> list[float]:
        rate = params["learning_rate"]
        if rate >= edge:
            return [3.0, 9.0, math.nan]
        end = 0.2 + 0.3 * abs(math.log10(rate / best)) + abs(rng.gauss(0, noise))
        return [end + (2.3 - end) * math.exp(-0.3 * step) + rng.gauss(0, noise / 3) for step in range(1, STEPS + 1)]

    return curve


def study(draw: Draw, curve: Curve, count: int, rng: Random, *, stop: bool = False, sign: float = 1.0) -> list[Trained]:
    """So many trials; with `stop`, those that at a third are in the worse half of the complete ones are stopped."""
    trials: list[Trained] = []
    third = STEPS // 3
    for number in range(count):
        params = draw(number, rng)
        losses = curve(params, rng)
        rivals = sorted(sign * t.curve[third] for t in trials if t.outcome == "complete")
        if stop and len(losses) == STEPS and len(rivals) >= 4 and losses[third - 1] > rivals[len(rivals) // 2]:
            losses = losses[:third]
        trials.append(trained(number, params, losses, sign=sign))
    return trials


def at_random(_: int, rng: Random) -> dict[str, Any]:
    """A rate at random."""
    return {"learning_rate": 10 ** rng.uniform(-5, 0)}


def narrowing(best: float) -> Draw:
    """Ten rates at random, then ever closer to the best."""

    def draw(number: int, rng: Random) -> dict[str, Any]:
        if number < 10:
            return at_random(number, rng)
        spread = max(0.3, 2.5 - number / 12)
        return {"learning_rate": min(1.0, max(1e-5, best * 10 ** rng.gauss(0, spread)))}

    return draw
