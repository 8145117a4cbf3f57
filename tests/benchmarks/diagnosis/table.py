"""What is said of each training, on its own and in a study, against what its grid of rates says."""

import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from starlette.testclient import TestClient

from lrtune.service.app import create_app
from lrtune.service.rates.diagnosis import diagnose
from lrtune.service.settings import Settings
from tests.benchmarks.diagnosis.train import REPORTS, Training

VERDICTS = ("too_low", "good", "unclear", "too_high", "diverged")
TRUTHS = ("below, far", "below, near", "good", "above, near", "above, far", "not finite")
GOOD = 1.1
"""A training is good where it ends within this factor of the grid's best; far where it ends beyond `FAR`."""
FAR = 1.5
_LAST_BATCHES = 10
_LEAST = 0.02
"""The end of a training by its batches is the mean over so many; ends below this share of the loss before the first
step are the same, since single batches go down to 0."""

Kind = Literal["validation", "batches"]
Table = dict[str, Counter[str]]
Judge = Callable[["Grid", int], dict[int, str]]
"""The verdicts on a grid's trainings by their places, each with so many reports; of those that are judged."""

_names = count()


@dataclass(frozen=True)
class Grid:
    """The trainings of one task, optimizer and seed, by rising rate, and by which of their curves they are judged."""

    trainings: tuple[Training, ...]
    kind: Kind

    def curve(self, place: int, reports: int = REPORTS) -> list[tuple[int, float]]:
        """(step, loss) of one training, with so many reports; the last in any case."""
        losses = self.trainings[place].validation if self.kind == "validation" else self.trainings[place].batches
        stride = REPORTS // reports
        return [(at, loss) for at, loss in enumerate(losses, 1) if at % stride == 0 or at == len(losses)]

    def end(self, place: int) -> float:
        """The loss at a training's end; inf where it diverged."""
        losses = [loss for _, loss in self.curve(place)]
        if not math.isfinite(losses[-1]):
            return math.inf
        return losses[-1] if self.kind == "validation" else sum(losses[-_LAST_BATCHES:]) / len(losses[-_LAST_BATCHES:])

    @property
    def best(self) -> int:
        """The place of the training that ends lowest."""
        return min(range(len(self.trainings)), key=self.end)

    def truth(self, place: int) -> str:
        """What the grid says of a training; of one within 1.1 times the best, good on whatever side."""
        if not math.isfinite(self.end(place)):
            return "not finite"
        least = _LEAST * self.trainings[place].initial if self.kind == "batches" else 0.0
        ratio = max(self.end(place), least) / max(self.end(self.best), least)
        if ratio <= GOOD:
            return "good"
        return f"{'below' if place < self.best else 'above'}, {'far' if ratio > FAR else 'near'}"


def grids(trainings: Sequence[Training], kind: Kind) -> list[Grid]:
    """Trainings, grid by grid."""
    found: dict[tuple[str, str, int], list[Training]] = defaultdict(list)
    for one in trainings:
        found[one.task, one.optimizer, one.seed].append(one)
    return [Grid(tuple(sorted(of, key=lambda one: one.learning_rate)), kind) for of in found.values()]


def confusion(of: Sequence[Grid], judge: Judge, reports: int) -> Table:
    """How often each verdict came for each truth."""
    table: Table = {truth: Counter() for truth in TRUTHS}
    for grid in of:
        for place, verdict in judge(grid, reports).items():
            table[grid.truth(place)][verdict] += 1
    return table


def alone(grid: Grid, reports: int) -> dict[int, str]:
    """By the curve alone."""
    found = {}
    for place in range(len(grid.trainings)):
        steps, losses = zip(*grid.curve(place, reports), strict=True)
        found[place] = diagnose(steps, losses).verdict
    return found


def alone_from_the_start(grid: Grid, reports: int) -> dict[int, str]:
    """By the curve and the loss before the first step."""
    found = {}
    for place, one in enumerate(grid.trainings):
        steps, losses = zip(*grid.curve(place, reports), strict=True)
        found[place] = diagnose(steps, losses, initial_value=one.initial).verdict
    return found


@contextmanager
def service() -> Iterator[TestClient]:
    """A service of its own."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(storage=f"sqlite:///{folder}/lrtune.db"))
        with TestClient(app, base_url="http://127.0.0.1") as http:
            yield http


def in_study(http: TestClient, every: int) -> Judge:
    """In a study that has trained every so many of the rates: those are judged, the others are not there."""

    def judge(grid: Grid, reports: int) -> dict[int, str]:
        name, rates = f"grid-{next(_names)}", [one.learning_rate for one in grid.trainings]
        space = {"learning_rate": {"type": "float", "low": rates[0], "high": rates[-1], "log": True}}
        _post(http, "/v1/studies", {"name": name, "search_space": space, "max_steps": REPORTS, "prior": "none"})
        places = range(every // 2, len(rates), every)
        for place in places:
            state = "complete" if math.isfinite(grid.end(place)) else "diverged"
            curve = [{"step": step, "value": _shown(loss)} for step, loss in grid.curve(place, reports)]
            body = {"params": {"learning_rate": rates[place]}, "reports": curve, "state": state}
            _post(http, f"/v1/studies/{name}/trials/record", body)
        said = {place: http.get(f"/v1/studies/{name}/trials/{at}").json() for at, place in enumerate(places)}
        return {place: one["diagnosis"]["verdict"] for place, one in said.items()}

    return judge


def _shown(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _post(http: TestClient, path: str, body: dict[str, Any]) -> None:
    answer = http.post(path, json=body)
    assert answer.is_success, answer.text


@dataclass(frozen=True)
class Shares:
    """How often a verdict is wrong, as shares."""

    otherwise: float
    """Of the good ones: called something else."""
    accused: float
    """Of the good ones: called too low, too high or diverged."""
    praised: float
    """Of the far and the diverged ones: called good."""
    wrong_side: float
    """Of those on one side: called as if they were on the other."""
    found: float
    """Of the far ones above: called too high or diverged."""


def shares(table: Table) -> Shares:
    """How often the verdicts of a table are wrong."""
    good, above = table["good"], table["above, far"]
    bad = table["below, far"] + above + table["not finite"]
    lower, upper = (table[f"{side}, far"] + table[f"{side}, near"] for side in ("below", "above"))
    return Shares(
        otherwise=1 - good["good"] / max(good.total(), 1),
        accused=(good["too_low"] + good["too_high"] + good["diverged"]) / max(good.total(), 1),
        praised=bad["good"] / max(bad.total(), 1),
        wrong_side=(lower["too_high"] + upper["too_low"]) / max((lower + upper).total(), 1),
        found=(above["too_high"] + above["diverged"]) / max(above.total(), 1),
    )
