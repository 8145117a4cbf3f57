"""Odd studies, made over HTTP as workers and people make them: every kind of end a search can come to."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from starlette.testclient import TestClient

STEPS = 10
CHANCE = 2.303
"""The loss of a network that has learned nothing, of ten classes."""

Space = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Run:
    """A training: its parameters, the values it reported, and how it ended; `running` ones never did."""

    params: Mapping[str, Any]
    values: Sequence[float]
    end: str = "complete"
    error: str | None = None


@dataclass(frozen=True)
class OddStudy:
    """A study, what is odd about it, and what was trained and tested in it."""

    name: str
    about: str
    runs: Sequence[Run] = ()
    space: Space = field(default_factory=lambda: {"learning_rate": rates(1e-6, 1.0)})
    spec: Mapping[str, Any] = field(default_factory=dict)
    range_test: Callable[[float], float] | None = None
    """The loss of a range test at a rate, from 1e-6 to 1."""


def rates(low: float, high: float, *, log: bool = True) -> dict[str, Any]:
    """A learning rate between bounds."""
    return {"type": "float", "low": low, "high": high, "log": log}


def spread(count: int, low: float = 1e-6, high: float = 1.0) -> list[float]:
    """Rates evenly over a log scale, both ends among them."""
    return [low * (high / low) ** (place / (count - 1)) for place in range(count)]


def final_loss(rate: float, *, best: float = 0.01, lowest: float = 0.2, width: float = 1.6) -> float:
    """A valley around the best rate, that rises to chance on both sides, the right one steeper."""
    away = math.log10(rate / best)
    return CHANCE - (CHANCE - lowest) * math.exp(-((away / (width if away < 0 else width / 2)) ** 2))


def curve(final: float, *, start: float = CHANCE, steps: int = STEPS) -> list[float]:
    """A training's losses from its first step to its last: most of the fall early."""
    return [final + (start - final) * math.exp(-5 * step / steps) for step in range(1, steps + 1)]


def runs(at: Sequence[float], loss: Callable[[float], float] = final_loss, **more: Any) -> list[Run]:
    """Complete trainings at these rates."""
    return [Run({"learning_rate": rate, **more}, curve(loss(rate))) for rate in at]


def rises(rate: float, **more: Any) -> Run:
    """A training that diverged after two steps."""
    return Run({"learning_rate": rate, **more}, [CHANCE, 40.0, math.nan], "diverged")


def _noisy(rate: float) -> float:
    return final_loss(rate) * (1 + 0.2 * Random(str(rate)).uniform(-1, 1))


def _broken(rate: float) -> Run:
    error = "Traceback (most recent call last):\n  File \"train.py\", line 7, in train\nKeyError: 'images'"
    return Run({"learning_rate": rate}, [], "failed", error)


def _of_two_optimizers() -> list[Run]:
    best = {"sgd": 0.1, "adam": 0.001}
    return [
        Run({"learning_rate": rate, "optimizer": name}, curve(final_loss(rate, best=best[name])))
        for rate in spread(7)
        for name in best
    ]


def _of_a_forest() -> list[Run]:
    return [
        Run({"max_depth": depth, "trees": trees}, [0.3 - 0.02 * depth + 0.002 * depth**2 + 1.0 / trees])
        for depth in (2, 4, 5, 6, 8, 12)
        for trees in (20, 100)
    ]


FOREST: Space = {
    "max_depth": {"type": "int", "low": 1, "high": 16},
    "trees": {"type": "int", "low": 10, "high": 200, "log": True},
}
TWO: Space = {
    "learning_rate": rates(1e-6, 1.0),
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
}
WITH_DECAY: Space = {"learning_rate": rates(1e-6, 1.0), "weight_decay": rates(1e-6, 1e-1)}


def _studies() -> Iterator[OddStudy]:
    yield OddStudy("empty", "Nothing has happened yet.")
    yield OddStudy("tagged", "Nothing has happened yet; tagged `optimizer: sgd`.", spec={"tags": {"optimizer": "sgd"}})
    yield OddStudy("one-trial", "One trial is complete.", runs([0.01]))
    yield OddStudy("two-trials", "Two trials are complete.", runs([1e-4, 0.01]))
    yield OddStudy("spread", "Ten trials, spread over the whole range.", runs(spread(10)))
    yield OddStudy(
        "gathered", "Twelve trials, most of them at the best rate.", runs([*spread(4), *spread(8, 3e-3, 3e-2)])
    )
    yield OddStudy("one-sided", "All rates that were tried are below the best one.", runs(spread(8, 1e-6, 3e-3)))
    yield OddStudy("one-sided-above", "All rates that were tried are above the best one.", runs(spread(8, 0.03, 1.0)))
    yield OddStudy(
        "at-the-bound",
        "The best rate is above the upper bound.",
        runs(spread(8, 1e-6, 1e-3)),
        {"learning_rate": rates(1e-6, 1e-3)},
    )
    yield OddStudy(
        "hopeless-bounds",
        "The bounds hold no rate that learns anything.",
        runs(spread(6, 1e-9, 1e-7)),
        {"learning_rate": rates(1e-9, 1e-7)},
    )
    yield OddStudy(
        "plateau",
        "Rates over two decades are equally good.",
        runs(spread(13), lambda r: 0.2 if 1e-3 < r < 0.1 else CHANCE),
    )
    yield OddStudy(
        "cliff",
        "The loss falls up to a rate above which trainings diverge.",
        [*runs(spread(8, 1e-6, 0.03), lambda r: final_loss(r, best=0.1)), *map(rises, (0.08, 0.2, 0.5))],
    )
    yield OddStudy("all-diverged", "Every trial has diverged.", [rises(rate) for rate in spread(6)])
    yield OddStudy("all-failed", "Every trial has failed, of the same error.", [_broken(rate) for rate in spread(5)])
    yield OddStudy(
        "failing",
        "It worked; now every trial fails, of the same error.",
        [*runs(spread(5)), *map(_broken, spread(5, 1e-3, 0.1))],
    )
    yield OddStudy("equal", "All losses are equal.", runs(spread(8), lambda _: 0.5))
    yield OddStudy(
        "no-effect",
        "The learning rate makes no difference.",
        runs(spread(12), lambda r: 0.5 + 0.01 * Random(str(r)).random()),
    )
    yield OddStudy("noisy", "Losses differ by a fifth from seed to seed.", runs(spread(14), _noisy))
    yield OddStudy(
        "two-valleys",
        "Two rates are good, and none between them.",
        runs(
            spread(13),
            lambda r: min(final_loss(r, best=1e-4, width=0.7), final_loss(r, best=0.1, lowest=0.25, width=0.7)),
        ),
    )
    yield OddStudy(
        "accuracy",
        "An accuracy, which is maximized.",
        [Run({"learning_rate": r}, [1 - v / CHANCE for v in curve(final_loss(r))]) for r in spread(10)],
        spec={"direction": "maximize", "metric": "accuracy"},
    )
    yield OddStudy(
        "negative",
        "A log-likelihood: all losses are negative.",
        [Run({"learning_rate": r}, [v - 5 for v in curve(final_loss(r))]) for r in spread(10)],
    )
    yield OddStudy("zero", "The best losses are 0.", runs(spread(10), lambda r: max(0.0, final_loss(r) - 0.4)))
    yield OddStudy(
        "huge",
        "Losses from 1e30 on.",
        [Run({"learning_rate": r}, [1e30 * v for v in curve(final_loss(r))]) for r in spread(10)],
    )
    yield OddStudy(
        "ten-decades", "Losses over ten decades.", runs(spread(10), lambda r: 10 ** (5 * (final_loss(r) - 1.6)))
    )
    yield OddStudy("two-optimizers", "SGD and Adam, each with a best rate of its own.", _of_two_optimizers(), TWO)
    yield OddStudy(
        "many-parameters",
        "The rate and the weight decay.",
        [
            Run({"learning_rate": r, "weight_decay": d}, curve(final_loss(r) + 0.05 * abs(math.log10(d / 1e-4))))
            for r, d in zip(spread(10), [1e-5, 1e-2, 1e-4, 1e-3] * 3, strict=False)
        ],
        WITH_DECAY,
    )
    yield OddStudy(
        "folds",
        "Cross-validation: the steps are folds.",
        [
            Run({"learning_rate": r}, [final_loss(r) * (1 + 0.03 * fold) for fold in (-1, 2, 0, -2, 1)])
            for r in spread(8)
        ],
        spec={"tags": {"folds": "5"}, "max_steps": 5},
    )
    yield OddStudy("forest", "Trees: there is no learning rate.", _of_a_forest(), FOREST, {"max_steps": 1})
    yield OddStudy(
        "linear",
        "The learning rate is on a linear scale over five decades.",
        runs([0.001, 0.01, 0.1, 0.2, 0.5, 0.9]),
        {"learning_rate": rates(1e-5, 1.0, log=False)},
    )
    yield OddStudy(
        "unfinished",
        "Eight trainings are half-way, none has finished.",
        [Run(run.params, run.values[:5], "running") for run in runs(spread(8))],
    )
    yield OddStudy(
        "pruned",
        "All trials were pruned but one.",
        [Run(run.params, run.values[:4], "pruned") for run in runs(spread(8))] + runs([0.01]),
    )
    yield OddStudy(
        "short-curves",
        "Trainings of three steps.",
        [Run({"learning_rate": r}, curve(final_loss(r), steps=3)) for r in spread(8)],
        spec={"max_steps": 3},
    )
    yield OddStudy("spent", "The budget is spent.", runs(spread(6)), spec={"max_trials": 6})
    yield OddStudy("stopped", "Somebody stopped it.", runs(spread(6)), spec={"stopped": True})
    yield OddStudy(
        "tested",
        "A range test, and no trial yet.",
        range_test=lambda r: CHANCE - 1.5 * r / (r + 0.01) + (1e3 * (r - 0.3) if r > 0.3 else 0.0),
    )
    yield OddStudy(
        "still-falling",
        "A range test whose loss still falls at its last rate.",
        range_test=lambda r: CHANCE - 0.3 * max(0.0, math.log10(r / 1e-2)),
    )


STUDIES = tuple(_studies())


def make(http: TestClient, study: OddStudy) -> None:
    """Make the study, and train what was trained in it. `http` is a service."""
    spec = {
        "max_steps": STEPS,
        "lease_ttl_seconds": 86_400,
        "short_trainings": "none",
        "prior": "none",
        "pruner": {"name": "none"},
    }
    patch = {key: value for key, value in study.spec.items() if key == "stopped"}
    given = {key: value for key, value in study.spec.items() if key not in patch}
    path = f"/v1/studies/{study.name}"
    _post(http, "/v1/studies", {"name": study.name, "search_space": study.space, **spec, **given})
    for number, run in enumerate(study.runs):
        _train(http, path, number, run)
    if study.range_test is not None:
        at = spread(100)
        _post(http, f"{path}/range-tests", {"learning_rates": at, "losses": [study.range_test(rate) for rate in at]})
    if patch:
        http.patch(path, json=patch).raise_for_status()


def _train(http: TestClient, path: str, number: int, run: Run) -> None:
    _post(http, f"{path}/trials/enqueue", {"params": run.params})
    leased = _post(http, f"{path}/trials", {"worker": "host-1:1", "request_id": f"{number}"})
    mine = {"lease": leased["lease"]}
    reports = [{"step": step, "value": _plain(value)} for step, value in enumerate(run.values, 1)]
    at = f"{path}/trials/{leased['number']}"
    if reports:
        _post(http, f"{at}/reports", {**mine, "reports": reports})
    if run.end != "running":
        value = {"value": run.values[-1]} if run.end == "complete" else {}
        _post(http, f"{at}/result", {**mine, "state": run.end, "error": run.error, **value})


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _post(http: TestClient, path: str, body: Mapping[str, Any]) -> Any:
    answer = http.post(path, json=body)
    assert answer.is_success, f"{path}: {answer.text}"
    return answer.json()
