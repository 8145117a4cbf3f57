"""`lrtune find`."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server
from lrtune.service.cli.output import fail, number, print_json, print_table
from lrtune.service.cli.sweep_progress import SweepProgress
from lrtune.service.sentences import range_test as say

if TYPE_CHECKING:
    from lrtune.service.rates.range_test.analysis import RangeTestAnalysis
    from lrtune.trainers.range_test.sweep import RangeTest
DEFAULT_OPTIMIZER = "adam"

WIDER_ABOVE, WIDER_BELOW = 100.0, 1000.0
"""By how much a test is widened. Below by more: a divergence needs two decades of rates before it."""


def _list_optimizers(wanted: bool) -> None:
    if wanted:
        from lrtune.trainers.optimizers.build import OPTIMIZERS

        print_table(("optimizer", ""), OPTIMIZERS.items())
        raise typer.Exit


def find(
    task: Annotated[
        str,
        typer.Option(
            help="A built-in task (digits, digits-cnn, …), or module:function or path/to/script.py:function that "
            "returns (model, optimizer, batches, loss_function)."
        ),
    ],
    optimizer: Annotated[
        str | None, typer.Option(show_default=DEFAULT_OPTIMIZER, help="A built-in task's optimizer; see --optimizers.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="A built-in task's batch size.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Range tests, each with other weights and order.")] = 3,
    low: Annotated[float, typer.Option(help="The first rate.")] = 1e-7,
    high: Annotated[float, typer.Option(help="The last rate.")] = 10.0,
    steps: Annotated[int, typer.Option(help="Optimizer steps from the first rate to the last.")] = 100,
    accumulate: Annotated[int, typer.Option(help="Micro-batches an optimizer step.")] = 1,
    precision: Annotated[str, typer.Option(help="fp32, bf16 or fp16.")] = "fp32",
    device: Annotated[str, typer.Option(help="Where a built-in task runs: cpu, cuda, mps or auto.")] = "cpu",
    clip_norm: Annotated[float | None, typer.Option(help="Clip gradients to this norm.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve, with the answers marked, into this PNG.")] = None,
    study: Annotated[str | None, typer.Option(help="Keep the range test with this study of a service.")] = None,
    server: Server = None,
    as_json: Json = False,
    _optimizers: Annotated[
        bool, typer.Option("--optimizers", is_eager=True, callback=_list_optimizers, help="List the optimizers.")
    ] = False,
) -> None:
    """Find a learning rate with a range test: raise the rate at every step and look at the loss.

    Takes seconds, and is a bracket rather than an answer: search around the recommended rate, which is the last line.
    A range test kept with a study (--study) is where its search begins.

    Example: lrtune find --task digits --optimizer adam --plot find.png
    """
    from lrtune.trainers.range_test.by_name import find as test

    if ":" not in task:
        optimizer = optimizer or DEFAULT_OPTIMIZER
    params = {key: value for key, value in (("optimizer", optimizer), ("batch_size", batch_size)) if value is not None}
    progress = SweepProgress(sys.stderr, seeds, steps)
    try:
        tested = test(
            task,
            params=params,
            low=low,
            high=high,
            steps=steps,
            seeds=range(seeds),
            accumulate=accumulate,
            precision=precision,
            clip_norm=clip_norm,
            device=device,
            on_seed=progress.of_seed,
        )
    finally:
        progress.end()
    if study is not None:
        _keep(tested, study, server, optimizer=optimizer, batch_size=batch_size)
    title = ", ".join([task, *(f"{key.replace('_', ' ')} {value}" for key, value in params.items())])
    if plot is not None:
        _draw(tested, plot, title)
    if as_json:
        print_json(_as_json(tested))
    else:
        _print(tested, title, plot=plot, study=study)


def _keep(tested: "RangeTest", study: str, server: str | None, **about: Any) -> None:
    with connect(server) as client:
        client.add_range_test(study, tested.learning_rates, tested.losses, **about)


def _draw(tested: "RangeTest", path: Path, title: str) -> None:
    from lrtune.service.cli.pictures import save
    from lrtune.service.pictures.rate.range_test import range_test_picture

    found, ignored = tested.analysis, [one.ignored for one in tested.by_seed]
    picture = range_test_picture(
        tested.learning_rates, tested.losses, found, found.suggestions, ignored=ignored, title=title
    )
    try:
        save(picture, path)
    except OSError as error:
        fail(f"--plot {path} cannot be written: {error.strerror}")


def _print(tested: "RangeTest", title: str, *, plot: Path | None, study: str | None) -> None:
    found, rates = tested.analysis, tested.learning_rates
    lengths = ", ".join(str(len(curve)) for curve in tested.losses)
    print(
        f"{title}: rates from {number(rates[0])} to {number(rates[-1])}, stopped after {lengths} of {len(rates)} steps"
    )
    rows = [(name, number(rate), _seeds(tested, name)) for name, rate in found.suggestions.items()]
    print_table(("rule", "rate", "of each seed"), rows)
    if found.bounds is not None:
        print(f"usable from {number(found.bounds[0])} to {number(found.bounds[1])}{_divergence(found)}")
    if plot is not None:
        print(f"drawn into {plot}")
    if study is not None:
        print(f"kept with study {study}")
    print(found.reason)
    for line in _remedies(found):
        print(line)
    if found.recommended is None:
        print(say.nothing())
    else:
        print(f"recommended learning_rate={number(found.recommended)}")


def _remedies(found: "RangeTestAnalysis") -> list[str]:
    """Each warning with what to type."""
    typed = []
    if found.still_falling_at is not None:
        typed.append(say.again("--high", found.still_falling_at * WIDER_ABOVE))
    if found.rising_from is not None:
        typed.append(say.again("--low", found.rising_from / WIDER_BELOW))
    return [f"{warning} {what}" for warning, what in zip(found.warnings, typed, strict=True)]


def _seeds(tested: "RangeTest", rule: str) -> str:
    return "  ".join(number(one.suggestions[rule]) for one in tested.by_seed)


def _divergence(found: "RangeTestAnalysis") -> str:
    return "" if found.diverged_at is None else f", diverges at about {number(found.diverged_at)}"


def _as_json(tested: "RangeTest") -> dict[str, Any]:
    """As in the reply of `POST /v1/range-tests`, with the curves."""
    found = tested.analysis
    return {
        "learning_rates": list(tested.learning_rates),
        "losses": [[value if math.isfinite(value) else str(value) for value in curve] for curve in tested.losses],
        "suggestions": found.suggestions,
        "recommended": found.recommended,
        "bounds": found.bounds,
        "diverged_at": found.diverged_at,
        "smoothed": list(found.smoothed),
        "signal": found.signal,
        "reason": found.reason,
        "still_falling_at": found.still_falling_at,
        "rising_from": found.rising_from,
        "warnings": list(found.warnings),
    }
