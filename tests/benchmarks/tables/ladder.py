"""The tables of docs/explanation/ladder.md on what the ladder hangs on, and on full trainings after it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
import typer

from lrtune.service.tuning.auto.ladder import ladder as climbing
from lrtune.service.tuning.auto.ladder import model, rates
from lrtune.service.tuning.auto.ladder.rates import Centre
from tests.benchmarks.command_line import Data, Quick, markdown, measuring
from tests.benchmarks.search.real import WITHIN
from tests.benchmarks.search.real_methods import Climb, Method, answered, centre_for, plain_ladder, seed_of
from tests.benchmarks.search.real_tables import Table, read_tables
from tests.benchmarks.tables.after_ladder import FURTHER, shares_after

MODULES = {"ladder": climbing, "model": model, "rates": rates}
OFF_GRID = 0.125
"""Half a step of the grids, in decades."""


@dataclass(frozen=True)
class Variant:
    """The ladder with one thing changed. `constants`: by `module.NAME`. `centre`: decades by which it is moved.
    `noise`: of each loss's logarithm, drawn by `draw`. `offset`: decades by which the rates tried are moved."""

    name: str
    constants: Mapping[str, float] = field(default_factory=dict)
    centre: float = 0.0
    bounds: tuple[float, float] | None = None
    noise: float = 0.0
    draw: int = 0
    offset: float = 0.0


VARIANTS = (
    Variant("the ladder itself"),
    *(Variant(f"shift drawn towards {value:g} instead of .25", {"model._SHIFT": value}) for value in (0.125, 0.2, 0.3)),
    *(
        Variant(f"losses capped at {value:g} instead of 1", {"model._CAP": value, "model._DIVERGED": 1.2 * value})
        for value in (0.5, 2.0)
    ),
    *(Variant(f"noise {value:g} instead of .02", {"model._NOISE": value}) for value in (0.005, 0.06)),
    *(Variant(f"{count} placed later instead of 2", {"ladder._FILLING": count}) for count in (0, 1, 3, 4)),
    *(
        Variant(f"what is unknown counts {value:g} instead of .3 standard deviations", {"rates._CURIOSITY": value})
        for value in (0.0, 1.0)
    ),
    *(Variant(f"the stable edge falls {value:g} instead of .25", {"rates._EDGE_FALLS": value}) for value in (0.0, 0.5)),
    *(Variant(f"the centre moved by {decades:+g} decades", centre=decades) for decades in (-0.5, 0.5, -1.0, 1.0)),
    Variant("bounds 1e-8 to 1e3", bounds=(1e-8, 1e3)),
    *(
        Variant(f"{noise:.0%} noise on every loss, draw {draw}", noise=noise, draw=draw)
        for noise in (0.03, 0.1)
        for draw in (1, 2)
    ),
    Variant("rates between those of the grid", offset=OFF_GRID),
)


@contextmanager
def changed(variant: Variant) -> Iterator[None]:
    """The ladder's modules with the variant's constants. Raises AttributeError where one has gone."""
    with ExitStack() as stack:
        for name, value in variant.constants.items():
            module, _, constant = name.partition(".")
            stack.enter_context(patch.object(MODULES[module], constant, value))
        if variant.offset:
            usual = rates.lattice
            moved = lambda low, high: usual(low, high) + variant.offset  # noqa: E731
            stack.enter_context(patch.object(climbing, "lattice", moved))
        yield


def climbed(table: Table, seed: int, variant: Variant) -> float:
    """The variant's answer, as a multiple of the best loss."""
    centre, climb = _centre(table, seed, variant), Climb(bounds=variant.bounds)
    draw = np.random.default_rng([variant.draw, seed])

    def train(rate: float, steps: int) -> float:
        noise = np.exp(variant.noise * draw.standard_normal())
        return float(table.train(rate, steps, seed_of(table, seed)) * noise)

    with changed(variant):
        trained = climb(table, centre, train)
        rate = answered(table, trained, centre, climb.bounds_of(table)).learning_rate
    assert rate is not None
    return table.over_best(rate)


def _centre(table: Table, seed: int, variant: Variant) -> Centre | None:
    centre = centre_for(table, seed, "history, test")
    if centre is None or not variant.centre:
        return centre
    return Centre(centre.learning_rate * 10**variant.centre, centre.decades)


def variants(tables: Sequence[Table], seeds: int, chosen: Sequence[Variant] = VARIANTS) -> list[tuple[str, ...]]:
    """A line a variant: its name, and the share of answers within each factor of `WITHIN`."""
    lines = []
    for variant in chosen:
        over = [climbed(table, seed, variant) for table in tables for seed in range(seeds)]
        lines.append((variant.name, *_shares(over)))
    for shift in (0.0, 0.25):
        method: Method = plain_ladder(shift, OFF_GRID)
        found = [(table, method(table, seed).learning_rate) for table in tables for seed in range(seeds)]
        over = [table.over_best(rate) for table, rate in found if rate is not None]
        lines.append((f"9-3-1, moved down {shift:g} decades a rung, between the rates of the grid", *_shares(over)))
    return lines


def _shares(over: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{np.mean(np.array(over) <= factor + 1e-9):.0%}" for factor in WITHIN)


def ladder(
    data: Data, seeds: int = typer.Option(3, min=1, help="Repetitions of each cell."), quick: Quick = False
) -> None:
    """What the ladder's answers hang on, and what full trainings after it add.

    The tables of docs/explanation/ladder.md.

    On the cells of `small-trainings.npz`: shares of answers within 1.1 and 2 times the best loss, with one constant
    changed at a time; then by the ladder's own answer and by the usual posterior after further full trainings.
    """
    with measuring():
        tables = read_tables(data)
        if quick:
            tables, seeds = tables[:3], 1
        columns = ("one thing changed", *(f"within {factor:g} ×" for factor in WITHIN))
        print(markdown(columns, variants(tables, seeds, VARIANTS[:3] if quick else VARIANTS)))
        print(f"\nwithin {WITHIN[0]:g} × after further full trainings\n")
        further: Any = FURTHER[:1] if quick else FURTHER
        columns = ("full trainings after the ladder", "the ladder's answer", "covers", "the usual one", "covers")
        print(markdown(columns, shares_after(tables, seeds, further)))
