"""The `lrtune` command: its subcommands, and how their errors are shown."""

import inspect
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lrtune.service.cli.error_line import print_error

COMMANDS = {
    "demo": ("lrtune.service.cli.demo.command", "demo", "Tune a small network on real data, here and now."),
    "serve": ("lrtune.service.cli.commands.serve", "serve", "Run the service."),
    "worker": ("lrtune.service.cli.commands.worker", "worker", "Train a study's trials."),
    "study": (
        "lrtune.service.cli.commands.study.commands",
        "app",
        "Create, show, change, draw and delete studies.",
    ),
    "suggest": ("lrtune.service.cli.commands.suggest", "suggest", "What learning rate to train with."),
    "find": ("lrtune.service.cli.commands.find", "find", "Find a learning rate with a range test."),
    "schedule": ("lrtune.service.cli.commands.schedule", "schedule", "Show and draw learning-rate schedules."),
    "scale": ("lrtune.service.cli.commands.scale", "scale", "Move a learning rate to another batch size."),
    "db": ("lrtune.service.cli.commands.db.commands", "app", "Look after the database."),
}
"""Name: module, function or Typer app, help."""

_SERVICE_PACKAGES = frozenset(
    (
        *("a2wsgi", "alembic", "cmaes", "fastapi", "fastapi_offline", "filelock", "httptools", "optuna"),
        *("optuna_dashboard", "prometheus_client", "psycopg", "pydantic_settings", "scipy", "sqlalchemy"),
        *("starlette", "structlog", "uvicorn", "uvloop"),
    )
)
_TRAINER_PACKAGES = frozenset(("PIL", "matplotlib", "numpy", "sklearn", "torch"))


class LazyCommands(TyperGroup):
    """Commands whose modules are imported when they are used."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, summary = COMMANDS[cmd_name]
        if ctx.resilient_parsing or _help_is_asked():
            return _stub(cmd_name, summary)
        return _command(cmd_name, getattr(import_module(module), attribute), summary)


def _help_is_asked() -> bool:
    """Whether this is `lrtune --help`, which needs names and summaries only."""
    return sys.argv[1:] in ([], ["--help"])


def _command(name: str, what: Any, summary: str) -> Any:
    if not isinstance(what, typer.Typer):
        function, what = what, typer.Typer(add_completion=False)
        what.command(name, short_help=summary)(function)
    for one in what.registered_commands:
        one.help = one.help or _flowing(one.callback)
    command = typer.main.get_command(what)
    command.name = name
    return command


def _flowing(function: Any) -> str:
    """A docstring whose paragraphs are one line each, for a terminal of any width."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _stub(name: str, summary: str) -> Any:
    def nothing() -> None: ...

    nothing.__doc__ = summary
    return _command(name, nothing, summary)


app = typer.Typer(
    name="lrtune",
    cls=LazyCommands,
    help="Finds learning rates: a service that suggests, workers that train. Begin with `lrtune demo`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"lrtune {version('lrtune')}")
        except PackageNotFoundError:
            print("lrtune (not installed)")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version.")
    ] = False,
) -> None:
    """Finds learning rates: a service that suggests, workers that train. Begin with `lrtune demo`."""


def main() -> None:
    """Runs the command line; an error is one line on stderr and an exit code that is not 0."""
    try:
        app(prog_name="lrtune")
    except ModuleNotFoundError as error:
        remedy = remedy_for(error)
        if remedy is None:
            raise
        print_error(remedy)
        sys.exit(2)
    except Exception as error:
        if not _is_ours(error):
            raise
        print_error(str(error))
        sys.exit(1)


def remedy_for(error: ModuleNotFoundError) -> str | None:
    """What to install for a package that is missing; None where the package is not one of ours."""
    package = (error.name or "").partition(".")[0]
    if package in _SERVICE_PACKAGES:
        return f"this command needs {package}: pip install 'lrtune[service]'"
    if package in _TRAINER_PACKAGES:
        return f"this command needs {package}: pip install 'lrtune[trainers]'"
    return None


def _is_ours(error: Exception) -> bool:
    """Whether it is a LrtuneError. The class is looked up only if something loaded it."""
    errors = sys.modules.get("lrtune.trainers.errors")
    return errors is not None and isinstance(error, errors.LrtuneError)


if __name__ == "__main__":
    main()
