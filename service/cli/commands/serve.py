"""`lrtune serve`: run the service."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from lrtune.service.cli.completion import among
from lrtune.service.cli.database import DEFAULT_STORAGE, STORAGE_HELP
from lrtune.service.cli.output import fail
from lrtune.service.cli.progress import alive


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
            metavar="DATABASE",
            envvar="LRTUNE_STORAGE",
            show_default=DEFAULT_STORAGE,
            help=STORAGE_HELP,
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(
            envvar="LRTUNE_LOG_LEVEL",
            show_default="info",
            help="debug, info, warning or error.",
            autocompletion=among("debug", "info", "warning", "error"),
        ),
    ] = None,
    dashboard: Annotated[
        bool | None,
        typer.Option(envvar="LRTUNE_DASHBOARD", show_default="off", help="Serve optuna-dashboard under /optuna/, too."),
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
    insecure: Annotated[
        bool | None,
        typer.Option(
            "--insecure",
            envvar="LRTUNE_INSECURE",
            show_default=False,
            help="Serve everybody where other machines reach the service and there is no token.",
        ),
    ] = None,
    admin_token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="LRTUNE_ADMIN_TOKEN_FILE",
            readable=False,  # Whether it is, is looked at below, with a remedy.
            help="File with the secret of an admin token, which is made where it is not there yet.",
        ),
    ] = None,
    worker_token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="LRTUNE_WORKER_TOKEN_FILE",
            readable=False,
            help="The same for a token that all workers may share.",
        ),
    ] = None,
    root_path: Annotated[
        str | None,
        typer.Option(
            envvar="LRTUNE_ROOT_PATH", show_default="/", help="Path under which a proxy shows the service, as /lrtune."
        ),
    ] = None,
    proxies: Annotated[
        str | None,
        typer.Option(
            envvar="LRTUNE_PROXIES",
            show_default="none",
            help="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, "
            "separated by commas.",
        ),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(envvar="LRTUNE_CERTIFICATE", help="Serve https: a PEM file with the certificate and its chain."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(envvar="LRTUNE_KEY", help="PEM file with the certificate's private key, unencrypted."),
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
    advertise: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="LRTUNE_ADVERTISE",
            show_default="one serves, others stand by",
            help="Address at which other processes reach this one, as http://10.0.0.5:8080: "
            "all that have one share the studies of a PostgreSQL database.",
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            envvar="LRTUNE_PROCESSES",
            show_default="1",
            min=1,
            max=64,
            help="So many processes on this port share the studies of a PostgreSQL database; each has one of the ports "
            "behind it, too.",
        ),
    ] = None,
) -> None:
    """Run the service, until SIGTERM or Ctrl-C.

    The first line on standard output says where it listens. The schema is created and upgraded as needed. A second
    service on the same database waits as standby and takes over when the first one ends; with --advertise or
    --processes, several share the studies.
    """
    # Before numpy is imported. The search multiplies small matrices: a second thread makes that little quicker on an
    # idle machine, and thirty times slower on a busy one, where the threads wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from pydantic import ValidationError

    from lrtune.service.listening import CannotServe
    from lrtune.service.processes import run_processes
    from lrtune.service.server import run
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
        "insecure": insecure,
        "admin_token_file": admin_token_file,
        "worker_token_file": worker_token_file,
        "root_path": root_path,
        "proxies": proxies,
        "certificate": certificate,
        "key": key,
        "optuna_port": optuna_port,
        "advertise": advertise,
        "processes": processes,
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
        with alive("opening the database", say=logging.getLogger("lrtune.service.server").info):
            if settings.processes > 1:
                run_processes(settings, settings.processes)
            else:
                run(settings)
    except CannotServe as error:
        fail(str(error), error.exit_code)
    except StorageError as error:
        fail(str(error))
