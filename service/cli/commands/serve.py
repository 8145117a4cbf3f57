"""`lrtune serve`: run the service."""

import os
from typing import Annotated

import typer

from lrtune.service.cli.output import fail


def serve(
    host: Annotated[
        str | None, typer.Option(envvar="LRTUNE_HOST", show_default="127.0.0.1", help="Address to listen on.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(envvar="LRTUNE_PORT", show_default="8080", min=0, max=65_535, help="Port; 0 takes a free one."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            envvar="LRTUNE_STORAGE",
            show_default="sqlite:///lrtune.db",
            help="Where studies live: sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE. "
            "Give a URL with a password by the environment: command lines can be read by others.",
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(envvar="LRTUNE_LOG_LEVEL", show_default="info", help="debug, info, warning or error."),
    ] = None,
    dashboard: Annotated[
        bool | None,
        typer.Option(envvar="LRTUNE_DASHBOARD", show_default="on", help="Serve optuna-dashboard under /optuna/."),
    ] = None,
    dashboard_writes: Annotated[
        bool | None,
        typer.Option(
            envvar="LRTUNE_DASHBOARD_WRITES",
            show_default="on loopback only",
            help="Let the dashboard change studies where the service listens beyond loopback, too.",
        ),
    ] = None,
    allowed_hosts: Annotated[
        str | None,
        typer.Option(
            envvar="LRTUNE_ALLOWED_HOSTS",
            show_default="loopback names and addresses",
            help="Names that the service is asked for by, beside those: NAME or NAME:PORT, separated by commas.",
        ),
    ] = None,
    optuna_port: Annotated[
        int | None,
        typer.Option(
            envvar="LRTUNE_OPTUNA_PORT",
            show_default="not served",
            min=0,
            max=65_535,
            help="Port for Optuna scripts that use a GrpcStorageProxy, on the same address; 0 takes a free one.",
        ),
    ] = None,
) -> None:
    """Run the service, until SIGTERM or Ctrl-C.

    The first line on standard output says where it listens. The schema is created and upgraded as needed. A second
    service on the same database waits as standby and takes over when the first one ends.
    """
    # Before numpy is imported. The search multiplies small matrices: a second thread makes that little quicker on an
    # idle machine, and thirty times slower on a busy one, where the threads wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from pydantic import ValidationError

    from lrtune.service.server import CannotServe, run
    from lrtune.service.settings import Settings
    from lrtune.service.storage.errors import StorageError
    from lrtune.trainers.worker.parent_watch import end_with_owner

    given = {
        "host": host,
        "port": port,
        "storage": storage,
        "log_level": log_level,
        "dashboard": dashboard,
        "dashboard_writes": dashboard_writes,
        "allowed_hosts": allowed_hosts,
        "optuna_port": optuna_port,
    }
    try:
        settings = Settings.model_validate(
            Settings().model_dump() | {name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"LRTUNE_{str(first['loc'][0]).upper()}: {first['msg']}", 2)
    end_with_owner()
    try:
        run(settings)
    except CannotServe as error:
        fail(str(error), error.exit_code)
    except StorageError as error:
        fail(str(error))
