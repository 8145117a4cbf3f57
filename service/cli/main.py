"""The `lrtune` command: its subcommands, and how their errors are shown."""

import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, TextIO

import typer

from lrtune.service.cli.error_line import print_error
from lrtune.service.cli.lazy import lazy_group
from lrtune.service.cli.progress import SAID_EVERY_SECONDS, alive
from lrtune.service.cli.standard_output import STANDARD_OUTPUT, named_output, of_standard_output

COMMANDS = {
    "demo": ("lrtune.service.cli.demo.command", "demo", "Tune a small network on real data, here and now."),
    "serve": ("lrtune.service.cli.commands.serve", "serve", "Run the service."),
    "worker": ("lrtune.service.cli.commands.worker", "app", "Train a study's trials."),
    "workers": (
        "lrtune.service.cli.commands.workers.command",
        "app",
        "Train with many workers, here or on Ray, Slurm, Kubernetes.",
    ),
    "report": ("lrtune.service.cli.commands.report", "app", "Report a loss, from a program that a worker runs."),
    "study": (
        "lrtune.service.cli.commands.study.commands",
        "app",
        "Create, show, follow, change, draw and delete studies.",
    ),
    "suggest": ("lrtune.service.cli.commands.suggest", "suggest", "What learning rate to train with."),
    "find": ("lrtune.service.cli.commands.find", "find", "Find a learning rate with a range test."),
    "schedule": ("lrtune.service.cli.commands.schedule", "schedule", "Show and draw learning-rate schedules."),
    "scale": ("lrtune.service.cli.commands.scale", "scale", "Move a learning rate to another batch size."),
    "mcp": ("lrtune.service.cli.commands.mcp.command", "mcp", "Serve tools to agents, by the Model Context Protocol."),
    "token": ("lrtune.service.cli.commands.access.tokens", "app", "Make, list, revoke and rotate tokens."),
    "audit": ("lrtune.service.cli.commands.access.audit", "audit", "Say who did what to studies and tokens."),
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
_OWN_EXTRAS = {
    **{"mcp": "mcp", "mcp_types": "mcp", "pyarrow": "parquet"},
    **{"ray": "ray", "submitit": "slurm", "yaml": "kubernetes"},
}
"""Packages that an extra brings which has no other."""


app = typer.Typer(
    name="lrtune",
    cls=lazy_group(COMMANDS),
    help="Finds learning rates: a service that suggests, workers that train. Begin with `lrtune demo`.",
    no_args_is_help=True,
    add_completion=True,
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
    """Runs the command line; an error is one line on stderr and an exit code that is not 0, a warning one line."""
    usual, warnings.showwarning = warnings.showwarning, _show_warning
    try:
        with named_output(), alive("still working", said_after_seconds=SAID_EVERY_SECONDS):
            app(prog_name="lrtune")
    except ModuleNotFoundError as error:
        remedy = remedy_for(error)
        if remedy is None:
            raise
        print_error(remedy)
        sys.exit(2)
    except BrokenPipeError as error:
        if not of_standard_output(error):
            raise
        sys.exit(1)  # Quietly: whoever read it has enough.
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        print_error(told)
        sys.exit(1)
    finally:
        warnings.showwarning = usual


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Ours as one line, any other as ever."""
    if category.__name__ == "LrtuneWarning":
        print_error(str(message))
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=file or sys.stderr)


def remedy_for(error: ModuleNotFoundError) -> str | None:
    """What to install for a package that is missing; None where the package is not one of ours."""
    package = (error.name or "").partition(".")[0]
    if package in _SERVICE_PACKAGES:
        return f"this command needs {package}: pip install 'lrtune[service]'"
    if package in _TRAINER_PACKAGES:
        return f"this command needs {package}: pip install 'lrtune[trainers]'"
    if package in _OWN_EXTRAS:
        return f"this command needs {package}: pip install 'lrtune[{_OWN_EXTRAS[package]}]'"
    return None


def _told(error: Exception) -> str | None:
    """What there is to say of a LrtuneError, or of output that cannot be written; None of any other."""
    if isinstance(error, OSError) and of_standard_output(error):
        return f"{STANDARD_OUTPUT}: {error.strerror}"
    errors = sys.modules.get("lrtune.trainers.errors")  # The class is looked up only if something loaded it.
    return str(error) if errors is not None and isinstance(error, errors.LrtuneError) else None


if __name__ == "__main__":
    main()
