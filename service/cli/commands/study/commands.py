"""`lrtune study create|list|show|delete`, and those with a module of their own."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrtune.service.cli.commands.study.change import change
from lrtune.service.cli.commands.study.plot import plot
from lrtune.service.cli.commands.study.replay import replay
from lrtune.service.cli.commands.study.spec_flags import PARAM_HELP, read_spec, search_space
from lrtune.service.cli.output import (
    CLIENT_RETRY_SECONDS,
    Json,
    Server,
    fail,
    number,
    params_text,
    print_json,
    print_table,
    suggestion_line,
)
from lrtune.service.cli.task_flags import FOLDS, with_task
from lrtune.trainers.tasks.catalogue import CATALOGUE

if TYPE_CHECKING:
    from lrtune.service.wire.studies import BestTrial, Study, StudyStatus
    from lrtune.trainers.client.client import Client

app = typer.Typer(help="Create, show, change, draw and delete studies.", no_args_is_help=True, add_completion=False)
app.command("set")(change)
app.command("plot")(plot)
app.command("replay")(replay)

Name = Annotated[str, typer.Argument(help="Name of the study.")]


def _client(server: str | None) -> "Client":
    from lrtune.trainers.client.client import Client

    return Client(server, retry_seconds=CLIENT_RETRY_SECONDS)


@app.command("create")
def create(
    name: Name,
    spec: Annotated[
        str | None,
        typer.Option(help="JSON file ('-': standard input) like the body of POST /v1/studies; flags go before it."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help=f"Search what a built-in task searches, for as long as it trains: {', '.join(CATALOGUE)}."),
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
    max_trials: Annotated[int | None, typer.Option(help="Budget: trials, exactly.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Length of a full training, in steps.")] = None,
    max_total_steps: Annotated[int | None, typer.Option(help="Budget: steps over all trials.")] = None,
    sampler: Annotated[
        str | None,
        typer.Option(help="auto, tpe, gp, cmaes, qmc, random, grid, bruteforce.", show_default="auto"),
    ] = None,
    points: Annotated[int | None, typer.Option(help="Values of each number on the grid.", show_default="10")] = None,
    pruner: Annotated[
        str | None,
        typer.Option(
            help="auto, median, percentile, asha, hyperband, patient, wilcoxon, none (threshold: by --spec).",
            show_default="auto",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampler.", show_default="0")] = None,
    direction: Annotated[str | None, typer.Option(help="minimize or maximize.", show_default="minimize")] = None,
    metric: Annotated[str | None, typer.Option(help="Name of what is reported.", show_default="loss")] = None,
    if_exists: Annotated[
        str | None, typer.Option(help="fail, or load: take the one that exists.", show_default="fail")
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Create a study.

    Without flags it searches `learning_rate`, log-uniform on [1e-6, 1], without a limit on trials.
    """
    try:
        body = read_spec(spec, sys.stdin) if spec is not None else {}
        if folds is not None and max_steps not in (None, folds):
            raise ValueError("--max-steps is the number of folds here: leave it out; --epochs is their length")
        body = with_task(body, task, only, folds, epochs)
        space = search_space(body.get("search_space"), param or [], low, high)
    except ValueError as error:
        fail(str(error), 2)
    flags: dict[str, Any] = {
        "search_space": space,
        "max_trials": max_trials,
        "max_steps": max_steps,
        "max_total_steps": max_total_steps,
        "pruner": None if pruner is None else {"name": pruner},
        "sampler": _sampler(body, sampler, seed, points),
        "direction": direction,
        "metric": metric,
        "if_exists": if_exists,
    }
    body |= {key: value for key, value in flags.items() if value is not None}
    with _client(server) as client:
        made = client.create_study(**(body | {"name": name})).spec
    if as_json:
        print_json(made)
    else:
        searched = ", ".join(made.search_space)
        print(f"study {made.name}: {made.state}, {made.trials} trials so far; searches {searched}")
        print(f"train it with: lrtune worker --study {made.name}{'' if task else ' --task module:function'}")


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


@app.command("list")
def list_studies(server: Server = None, as_json: Json = False) -> None:
    """List the studies of a service."""
    with _client(server) as client:
        studies = list(client.studies())
    if as_json:
        print_json(studies)
        return
    print_table(
        ("study", "state", "trials", "searches", "budget", "created"),
        (
            (
                study.name,
                study.state,
                study.trials,
                ", ".join(study.search_space),
                _budget(study),
                f"{study.created_at:%Y-%m-%d %H:%M}",
            )
            for study in studies
        ),
    )


@app.command("show")
def show(name: Name, server: Server = None, as_json: Json = False) -> None:
    """Show where a study stands: trials by outcome, the best, the suggestion."""
    with _client(server) as client:
        status = client.status(name)
        study = client.study(name).spec
        diagnoses = [] if FOLDS in study.tags else _diagnoses(client, status)
    if as_json:
        print_json({"study": study.model_dump(mode="json"), "status": status.model_dump(mode="json")})
        return
    print_table(("", f"study {name}"), [*_facts(study, status), *diagnoses])
    print(suggestion_line(status.suggestion))


def _diagnoses(client: "Client", status: "StudyStatus") -> list[tuple[str, str]]:
    """What the curves of the best trial and of the latest say about their learning rates; nothing without any."""
    if status.suggestion.learning_rate is None:
        return []
    numbers = {f"best trial {status.best.trial}": status.best.trial} if status.best else {}
    latest = sum(status.trials.model_dump().values()) - 1
    if latest >= 0 and latest not in numbers.values():
        numbers[f"latest trial {latest}"] = latest
    rows = []
    for label, trial in numbers.items():
        found = client.trial(status.study, trial).diagnosis
        if found is not None:
            rows.append((label, f"learning rate {found.verdict}: {'; '.join(found.evidence)}"))
    return rows


def _facts(study: "Study", status: "StudyStatus") -> list[tuple[str, str]]:
    counts = status.trials.model_dump()
    best, short = status.best, status.short_trainings
    return [
        ("state", status.state),
        ("trials", ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none yet"),
        *([("", f"{short} of the complete ones short, not compared with full ones")] if short else []),
        ("budget", _budget(study)),
        ("workers", str(status.workers)),
        ("steps", f"{status.steps.trained} trained, {status.steps.saved_by_pruning} saved by pruning"),
        (f"best {study.metric}", f"{_value(best)} (trial {best.trial})" if best else "–"),
        ("with", params_text(best.params) if best else "–"),
        ("why", status.suggestion.explanation),
    ]


def _value(best: "BestTrial") -> str:
    error = best.standard_error
    return number(best.value, 4) + ("" if error is None else f" ± {number(error, 2)}")


def _budget(study: "Study") -> str:
    limits = [
        f"{study.max_trials} trials" if study.max_trials is not None else "",
        f"{study.max_total_steps} steps" if study.max_total_steps is not None else "",
    ]
    return ", ".join(limit for limit in limits if limit) or "no limit"


@app.command("delete")
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Delete a study with all its trials."""
    if not yes:
        if not sys.stdin.isatty():
            fail(f"deleting {name} takes its trials with it: confirm with --yes", 2)
        typer.confirm(f"Delete study {name} with all its trials?", abort=True, err=True)
    with _client(server) as client:
        client.delete_study(name)
    if as_json:
        print_json({"deleted": name})
    else:
        print(f"deleted study {name}")
