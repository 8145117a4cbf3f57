"""What a shell offers for what has been typed so far.

It is asked at each press of the key: so nothing is imported for it that takes long, nobody waits for a service that
does not answer, and nothing is said where there is nothing to offer.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from urllib.parse import quote

import typer

SAMPLERS = ("auto", "tpe", "gp", "cmaes", "qmc", "random", "grid", "bruteforce")
PRUNERS = ("auto", "median", "percentile", "asha", "hyperband", "patient", "wilcoxon", "none")
OPTIMIZERS = (
    *("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"),
    *("adadelta", "muon", "adafactor", "schedule_free"),
)
SCHEDULES = (
    *("constant", "step", "multistep", "exponential", "inverse_time", "inverse_sqrt", "polynomial", "linear"),
    *("cosine", "cosine_restarts", "cyclical", "one_cycle", "warmup", "wsd", "plateau", "join", "default"),
)
ROLES = ("viewer", "worker", "admin")

_ANSWER_SECONDS = 0.5
_SECONDS = 1.0
"""For all of it, looking the host's name up included."""
_MOST = 100
_STORED = "select study_name from studies where substr(study_name, 1, ?) = ? order by study_name limit ?"


def among(*names: str) -> Callable[[str], list[str]]:
    """Offers these."""

    def offered(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return offered


def study_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offers the studies of the service, or in the file, that the command line or the environment names."""
    server = ctx.params.get("server") or os.environ.get("LRTUNE_SERVER")
    found: list[str] = []

    def look() -> None:
        with contextlib.suppress(Exception):  # It is away, takes no token, or is none.
            file = _file_of(server or "")
            found.extend(_served(server, incomplete) if file is None else _stored(file, incomplete))

    looking = threading.Thread(target=look, name="lrtune-completion", daemon=True)
    looking.start()
    looking.join(_SECONDS)
    return list(found)


def _served(server: str | None, prefix: str) -> list[str]:
    from lrtune.service.wire.studies import StudyPage
    from lrtune.trainers.client.http.connection import Connection
    from lrtune.trainers.client.http.retry import Retry

    connection = Connection(server, retry=Retry(total_seconds=0.0))
    query = {"limit": _MOST, "prefix": prefix or None}
    page = connection.get(StudyPage, "/v1/studies", query=query, timeout_seconds=_ANSWER_SECONDS)
    return [study.name for study in page.items if study.name.startswith(prefix)]


def _file_of(server: str) -> str | None:
    """The file of a search without a service, as clients name it."""
    if server == "local":
        return (os.environ.get("LRTUNE_STORAGE") or "lrtune.db").removeprefix("sqlite:///")
    for prefix in ("local:", "sqlite:///"):
        if server.startswith(prefix):
            return os.path.expanduser(server.removeprefix(prefix))
    return None


def _stored(file: str, prefix: str) -> list[str]:
    """What is in the file, which is only read: no engine is started, and whoever holds the file is not disturbed."""
    with contextlib.closing(sqlite3.connect(f"file:{quote(file)}?mode=ro", uri=True, timeout=0.2)) as database:
        return [name for (name,) in database.execute(_STORED, (len(prefix), prefix, _MOST))]
