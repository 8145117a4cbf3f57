"""`lrtune study create`."""

import sys
from typing import Annotated, Any

import typer

from lrtune.service.cli.commands.study.spec_flags import PARAM_HELP, read_spec, search_space
from lrtune.service.cli.commands.study.task_tags import with_tags, with_task
from lrtune.service.cli.completion import PRUNERS, SAMPLERS, among
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, NewStudyName, Server, read_tags, tag_option
from lrtune.service.cli.output import fail, print_json
from lrtune.trainers.tasks.catalogue import CATALOGUE


def create(
    name: NewStudyName,
    spec: Annotated[
        str | None,
        typer.Option(help="JSON file ('-': standard input) like the body of POST /v1/studies; flags go before it."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help=f"Search what a built-in task searches, for as long as it trains: {', '.join(CATALOGUE)}.",
            autocompletion=among(*CATALOGUE),
        ),
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="With --task: these of its parameters only.", metavar="NAME,NAME")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, max=1000, help="Cross-validate: a step is a fold, and the pruner is wilcoxon."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="With --folds: length of the training on each.", show_default="the task's"),
    ] = None,
    low: Annotated[float | None, typer.Option(help="Lowest learning rate.", show_default="1e-6")] = None,
    high: Annotated[float | None, typer.Option(help="Highest learning rate.", show_default="1")] = None,
    param: Annotated[list[str] | None, typer.Option(help=PARAM_HELP, metavar="NAME=...")] = None,
    no_learning_rate: Annotated[
        bool, typer.Option("--no-learning-rate", help="With --param: search these alone; train() takes no rate.")
    ] = False,
    max_trials: Annotated[int | None, typer.Option(help="Budget: trials, exactly.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Length of a full training, in steps.")] = None,
    max_total_steps: Annotated[int | None, typer.Option(help="Budget: steps over all trials.")] = None,
    failed_counts: Annotated[
        bool, typer.Option("--failed-counts", help="A trial that fails has spent its place of --max-trials.")
    ] = False,
    sampler: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(SAMPLERS)}.", show_default="auto", autocompletion=among(*SAMPLERS)),
    ] = None,
    points: Annotated[int | None, typer.Option(help="Values of each number on the grid.", show_default="10")] = None,
    pruner: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(PRUNERS)} (threshold: by --spec).",
            show_default="auto",
            autocompletion=among(*PRUNERS),
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampler.", show_default="0")] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            help="minimize or maximize.", show_default="minimize", autocompletion=among("minimize", "maximize")
        ),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Name of what is reported.", show_default="loss")] = None,
    if_exists: Annotated[
        str | None,
        typer.Option(
            help="fail, or load: take the one that exists.",
            show_default="fail",
            autocompletion=among("fail", "load"),
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        tag_option(
            "What the study is like, repeatable: --tag family=cnn --tag optimizer=adamw. Past studies with the same "
            "optimizer, family, batch_size and total_steps say where a search begins."
        ),
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Create a study.

    Without flags it searches `learning_rate`, log-uniform on [1e-6, 1], without a limit on trials.
    """
    tags = read_tags(tag)
    try:
        body = read_spec(spec, sys.stdin) if spec is not None else {}
        if folds is not None and max_steps not in (None, folds):
            raise ValueError("--max-steps is the number of folds here: leave it out; --epochs is their length")
        body = with_tags(with_task(body, task, only, folds, epochs), tags)
        space = search_space(body.get("search_space"), param or [], low, high, no_rate=no_learning_rate)
    except ValueError as error:
        fail(str(error), 2)
    flags: dict[str, Any] = {
        "search_space": space,
        "max_trials": max_trials,
        "max_steps": max_steps,
        "max_total_steps": max_total_steps,
        "failed_counts": True if failed_counts else None,
        "pruner": None if pruner is None else {"name": pruner},
        "sampler": _sampler(body, sampler, seed, points),
        "direction": direction,
        "metric": metric,
        "if_exists": if_exists,
    }
    body |= {key: value for key, value in flags.items() if value is not None}
    with connect(server) as client:
        made = client.create_study(**(body | {"name": name})).spec
    if as_json:
        print_json(made)
    else:
        searched = ", ".join(made.search_space)
        print(f"study {made.name}: {made.state}, {made.trials} trials so far; searches {searched}")
        how = "" if task else " --task module:function (or -- PROGRAM), or a script with lrtune.Client"
        print(f"train it with: lrtune worker --study {made.name}{how}")


def _sampler(body: dict[str, Any], name: str | None, seed: int | None, points: int | None) -> dict[str, Any] | None:
    flags = {key: value for key, value in {"seed": seed, "points": points}.items() if value is not None}
    if name is None and not flags:
        return None
    given = body.get("sampler")
    sampler = dict(given) if isinstance(given, dict) and name in (None, given.get("name")) else {}
    sampler["name"] = name or sampler.get("name", "auto")
    if points is not None and sampler["name"] != "grid":
        fail("--points goes with --sampler grid", 2)
    return sampler | flags
