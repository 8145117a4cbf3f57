"""`lrtune token create`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrtune.service.cli.commands.access.durations import read_duration
from lrtune.service.cli.commands.access.place import Offline, place
from lrtune.service.cli.commands.access.shown import hand_over, secret_file
from lrtune.service.cli.completion import ROLES, among
from lrtune.service.cli.database import DEFAULT_STORAGE, Storage
from lrtune.service.cli.options import Json, Server
from lrtune.service.cli.output import fail
from lrtune.service.sentences.words import plain

if TYPE_CHECKING:
    from lrtune.service.wire.access.bodies import NewToken

Write = Annotated[
    Path | None,
    typer.Option("--write", metavar="FILE", help="Write the secret into this new file, of mode 600, and print it not."),
]
_OPTIONS = {"scopes": "--scope", "expires_in_seconds": "--expires", "limits": "--limit"}


def create(
    context: typer.Context,
    role: Annotated[
        str,
        typer.Option(
            help="viewer: look; worker: look and train; admin: everything.",
            show_default=False,
            autocompletion=among(*ROLES),
        ),
    ],
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="The studies, by name: cifar-*. Several times for more.", show_default="*"),
    ] = None,
    name: Annotated[str, typer.Option(help="Who or what it is for.", show_default=False)] = "",
    expires: Annotated[
        str | None, typer.Option(metavar="DURATION", help="For how long it holds: 30d, 12h, 90m.", show_default="never")
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NUMBER",
            help="What it may take: requests_per_second, asks_per_second, trials_per_hour, steps_per_hour, studies, "
            "streams, body_bytes. May be given several times.",
        ),
    ] = None,
    write: Write = None,
    server: Server = None,
    offline: Offline = False,
    storage: Storage = DEFAULT_STORAGE,
    as_json: Json = False,
) -> None:
    """Make a token: its secret, alone, on standard output; what it is, on standard error.

    The secret is told this once. The first token of a service must be an admin's for all studies; with it each request
    needs one.

    Example: lrtune token create --role worker --scope 'cifar-*' --expires 30d
    """
    body = _body(role, scope, name, expires, limit or [])
    with place(context, server, offline, storage, make=True) as access, secret_file(write) as file:
        token = access.create_token(**dict(body))
        hand_over(token, file, write, as_json=as_json)
        where = getattr(access, "where", None)  # Of a database that was opened here.
        if where is not None and not as_json:
            print(f"the token is {plain(where)}", file=sys.stderr)


def _body(role: str, scopes: list[str] | None, name: str, expires: str | None, limits: list[str]) -> "NewToken":
    from pydantic import ValidationError

    from lrtune.service.wire.access.bodies import NewToken
    from lrtune.service.wire.fields import hint_of
    from lrtune.service.wire.messages import said

    fields: dict[str, Any] = {"role": role, "name": name, "limits": _limits(limits)}
    if scopes is not None:
        fields["scopes"] = scopes
    if expires is not None:
        fields["expires_in_seconds"] = _seconds(expires, "--expires")
    try:
        return NewToken(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field, *where = first["loc"] or ("",)
        option = _OPTIONS.get(str(field), f"--{field}")
        inner = "".join(f" {part}" for part in where if isinstance(part, str))
        hint = hint_of(NewToken, first).strip()
        fail(f"{option}{inner}: {said(first)}{hint and f'; {hint}'}", 2)


def _seconds(text: str, option: str) -> float:
    try:
        return read_duration(text)
    except ValueError as error:
        fail(f"{option}: {error}", 2)


def _limits(given: list[str]) -> dict[str, float]:
    from lrtune.service.wire.access.bodies import Limits

    limits: dict[str, float] = {}
    for text in given:
        name, _, number = text.partition("=")
        if name not in Limits.model_fields:
            fail(f"--limit: {name!r} is none of {', '.join(Limits.model_fields)}", 2)
        if name in limits:
            fail(f"--limit: {name} is given twice", 2)
        try:
            limits[name] = float(number)
        except ValueError:
            fail(f"--limit: {text!r} has no number: write NAME=NUMBER, as in asks_per_second=10", 2)
    return limits
