"""`lrtune audit`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrtune.service.cli.commands.access.durations import ago, read_duration
from lrtune.service.cli.commands.access.which import id_of, is_named
from lrtune.service.cli.completion import study_names
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server
from lrtune.service.cli.output import fail, print_json, print_table

if TYPE_CHECKING:
    from lrtune.service.wire.access.bodies import AuditEntry

_LONGEST_VALUE = 40


def audit(
    study: Annotated[
        str | None, typer.Option(help="What was done to this study.", autocompletion=study_names, show_default=False)
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(metavar="ID|PREFIX", help="What was done with this token, or to it.", show_default=False),
    ] = None,
    action: Annotated[str | None, typer.Option(help="study.delete, token.create, …", show_default=False)] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DURATION", help="No longer ago than that: 7d, 12h.", show_default="all")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many entries at most.")] = 100,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Say who did what to studies and tokens, the latest first.

    It needs a token of role admin; who is one for some studies sees what was done to these.
    """
    if token is not None and not is_named(token):
        fail(f"--token: {token!r} is no id, and no secret begins so: `lrtune token list` shows ids and prefixes", 2)
    now = datetime.now(UTC)
    try:
        after = None if since is None else now - timedelta(seconds=read_duration(since))
    except (ValueError, OverflowError) as error:
        fail(f"--since: {error}", 2)
    with connect(server) as client:
        token_id = None if token is None else id_of(token, client.tokens())
        found = client.audit(study=study, token=token_id, action=action, since=after)
        entries = list(islice(found, limit))
    if as_json:
        print_json(entries)
        return
    print_table(
        ("when", "who", "from", "did", "to", "what"),
        ((ago(one.at, now), one.actor, _source(one), one.action, one.subject, _what(one)) for one in entries),
        whole=("when", "did"),
    )


def _source(entry: "AuditEntry") -> str:
    return entry.address if entry.address and entry.via == "http" else f"{entry.via} {entry.address or ''}".rstrip()


def _what(entry: "AuditEntry") -> str:
    """`max_trials 20 → 40`, `max_trials 20`; what did not change is left out."""
    before, after = entry.before or {}, entry.after or {}
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {_change(name, before, after)}" for name in names)


def _change(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    return " → ".join(_short(side[name]) for side in (before, after) if name in side)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
