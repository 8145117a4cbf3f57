"""`lrtune db`: look after the database."""

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from lrtune.service.cli.database import DEFAULT_STORAGE, STORAGE_HELP, Storage, one_line_errors
from lrtune.service.cli.options import Json
from lrtune.service.cli.output import fail, print_json, print_table
from lrtune.service.cli.progress import alive

if TYPE_CHECKING:
    from lrtune.service.storage.adopt.adopt import Outcome
    from lrtune.service.storage.maintenance.check import Checked

app = typer.Typer(
    help="Look after the database: create, check, save, restore it, or take one over from Optuna.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _group() -> None:
    """Look after the database: create, check, save, restore it, or take one over from Optuna."""


@app.command("upgrade")
def upgrade(storage: Storage = DEFAULT_STORAGE, as_json: Json = False) -> None:
    """Create the tables, or bring them up to this version. `lrtune serve` does the same when it starts."""
    with one_line_errors(storage), alive("bringing the database up to this version"):
        from lrtune.service.storage.database.database import Database
        from lrtune.service.storage.maintenance import upgrade

        upgrade.check_can_open(storage)
        database = Database(storage)
        try:
            with database.read() as connection:
                before = upgrade.versions(connection)
            if not before.current:
                database.acquire()
                upgrade.upgrade(database)
            shown = database.shown_url
        finally:
            database.close()
    if as_json:
        print_json({"database": shown, "from": before.lrtune, "to": before.lrtune_head})
    else:
        print(f"{shown} is up to date")


@app.command("check")
def check(storage: Storage = DEFAULT_STORAGE, as_json: Json = False) -> None:
    """Say whether all is well: the schema, and what must be true of every row.

    Only reads, on one snapshot, and so may run beside the service. Exit code 0: all is well; 1: it is not, and each
    finding says what to do; 2: the database cannot be read.
    """
    with one_line_errors(storage, code=2), alive("checking every row of the database"):
        from lrtune.service.storage.maintenance import check

        checked = check.check(storage)
    if as_json:
        print_json(_check_json(checked))
    else:
        _show_check(checked)
    if checked.findings:
        raise typer.Exit(1)


@app.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.", show_default=False)],
    storage: Storage = DEFAULT_STORAGE,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    as_json: Json = False,
) -> None:
    """Save the database to FILE, while the service runs and writes.

    The backup is one moment of the whole database, and a SQLite file whatever the database is. It appears under its
    name when it is complete; until then, and if it fails, a file that had the name stays.
    """
    with one_line_errors(storage), _ends_tidily(), alive("saving the database") as shown:
        from lrtune.service.storage.maintenance.backup import backup as save

        saved = save(storage, file, force=force, copied=shown.count)
    if as_json:
        print_json({**asdict(saved), "file": str(saved.file)})
    else:
        size = f"{saved.size_bytes / 1e6:.1f} MB"
        print(f"saved {saved.studies} studies with {saved.trials} trials to {saved.file} ({size})")


@app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `lrtune db backup` wrote.", show_default=False)],
    storage: Storage = DEFAULT_STORAGE,
    as_json: Json = False,
) -> None:
    """Put the backup FILE into an empty database, SQLite or PostgreSQL, whichever it was saved from.

    All of it is restored, or nothing. A database that has studies is refused; a backup of an older lrtune is brought
    up to this version.
    """
    with one_line_errors(storage), _ends_tidily(), alive(f"restoring {file}") as progress:
        from lrtune.service.storage.database.read_only import shown
        from lrtune.service.storage.maintenance.restore import restore as put

        restored = put(file, storage, copied=progress.count)
        database = shown(storage)
    if as_json:
        print_json({"database": database, "file": str(file), **asdict(restored)})
    else:
        print(f"restored {restored.studies} studies with {restored.trials} trials into {database}")


@app.command("adopt")
def adopt(
    url: Annotated[
        str | None, typer.Argument(metavar="[DATABASE]", show_default=False, help="The same as --storage DATABASE.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option("--storage", metavar="DATABASE", envvar="LRTUNE_STORAGE", help=STORAGE_HELP)
    ] = None,
    timezone: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[STUDY=]NAME",
            show_default="this machine's",
            help="In which zone Optuna 4 wrote the times, such as Europe/Berlin; for one study: "
            "STUDY=America/New_York. May be given several times.",
        ),
    ] = None,
    times: Annotated[
        Literal["local", "utc"] | None,
        typer.Option(
            show_default="local where Optuna 4 or older set the database up",
            help="What the stored times are. Say local where Optuna 5 has upgraded a database of Optuna 3 or older.",
        ),
    ] = None,
    fail_running: Annotated[
        bool, typer.Option("--fail-running", help="End trials as failed that were left running.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Take over a database that Optuna 4 or 5 wrote, in place.

    Its schema is upgraded, times that Optuna 4 stored as local time become UTC (once), and each study that lrtune
    can express can be used over HTTP. All others stay as they are, for Optuna. Stop the scripts that write it first,
    and save it: `lrtune db backup FILE`.
    """
    url = _named(url, storage)
    with one_line_errors(url), _ends_tidily():
        from lrtune.service.cli.commands.db.adopt_view import outcome_json, show_outcome
        from lrtune.service.storage.adopt import adopt as adopting
        from lrtune.service.storage.adopt.zones import parse_zones
        from lrtune.service.storage.memory.actor import acting, whoever_typed

        try:
            wanted = adopting.Wanted(parse_zones(timezone or []), times, fail_running)
        except ValueError as error:
            fail(f"--timezone: {error}", 2)
        with alive("looking at the database"):
            outcome = adopting.plan(url, wanted, time.time())
        if not dry_run:
            _ask_for_zone(outcome, given=bool(timezone) or yes)
            with alive("taking the database over"), acting(whoever_typed()):
                outcome = adopting.adopt(url, wanted, time.time())
    if as_json:
        print_json(outcome_json(outcome, dry_run=dry_run))
    else:
        show_outcome(outcome, dry_run=dry_run)


def _named(url: str | None, storage: str | None) -> str:
    """The database to adopt: there is none that would be meant anyway."""
    named = url or storage
    if named is None:
        fail("name the database that Optuna wrote: --storage FILE.db, or by LRTUNE_STORAGE", 2)
    return named


def _ask_for_zone(outcome: "Outcome", *, given: bool) -> None:
    """Ask a person at a terminal whether the machine's own zone is the right one."""
    if given or not outcome.trials_converted or not sys.stdin.isatty():
        return
    zone = outcome.timezones[""]
    typer.confirm(
        f"Read the times of {outcome.trials_converted} trials as this machine's, {zone}? (else use --timezone)",
        abort=True,
        err=True,
    )


def _check_json(checked: "Checked") -> dict[str, Any]:
    versions = checked.versions
    return {
        "database": checked.database,
        "ok": not checked.findings,
        "optuna_schema": {"found": versions.optuna, "installed": versions.optuna_head},
        "lrtune_schema": {"found": versions.lrtune, "installed": versions.lrtune_head},
        "studies": checked.studies,
        "trials": checked.trials,
        "findings": [asdict(finding) for finding in checked.findings],
    }


def _show_check(checked: "Checked") -> None:
    versions = checked.versions
    print(f"{checked.database}: {checked.studies} studies, {checked.trials} trials")
    print(f"Optuna's schema {versions.optuna or 'none'}, lrtune's {versions.lrtune or 'none'}")
    if not checked.findings:
        print("all is well")
        return
    rows = ((finding.check, finding.found, finding.remedy) for finding in checked.findings)
    print_table(("check", "found", "what to do"), rows)


@contextlib.contextmanager
def _ends_tidily() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl-C does: what it was doing is taken back first."""

    ended: list[int] = []

    def end(number: int, _frame: object) -> NoReturn:
        ended.append(number)
        raise KeyboardInterrupt  # What psycopg knows: it takes back the statement that runs.

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except BaseException:
        if ended:
            raise typer.Exit(128 + ended[0]) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
