"""`lrtune token rotate` and `revoke`."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from lrtune.service.cli.commands.access.create import Write
from lrtune.service.cli.commands.access.durations import read_duration
from lrtune.service.cli.commands.access.place import Offline, place
from lrtune.service.cli.commands.access.shown import facts, hand_over, secret_file
from lrtune.service.cli.commands.access.which import Which, id_of
from lrtune.service.cli.database import DEFAULT_STORAGE, Storage
from lrtune.service.cli.options import Json, Server
from lrtune.service.cli.output import fail, print_json
from lrtune.service.sentences.words import plain

LONGEST_GRACE_SECONDS = 30 * 86_400.0


def rotate(
    context: typer.Context,
    which: Which,
    grace: Annotated[
        str, typer.Option(metavar="DURATION", help="For how long the secret before still holds: 1h, 30m.")
    ] = "0s",
    write: Write = None,
    server: Server = None,
    offline: Offline = False,
    storage: Storage = DEFAULT_STORAGE,
    as_json: Json = False,
) -> None:
    """Give a token a new secret, which is told this once.

    Its id, role, scope, limits and expiry stay. With --grace workers have time to get the new one.
    """
    try:
        seconds = read_duration(grace)
        if seconds > LONGEST_GRACE_SECONDS:
            raise ValueError(f"{grace} is more than 30d: revoke the token, where it must end")
    except ValueError as error:
        fail(f"--grace: {error}", 2)
    with place(context, server, offline, storage) as access, secret_file(write) as file:
        token = access.rotate_token(id_of(which, access.tokens()), grace_seconds=seconds)
        hand_over(token, file, write, as_json=as_json)


def revoke(
    context: typer.Context,
    which: Which,
    force: Annotated[bool, typer.Option("--force", help="The last token that can manage tokens, too.")] = False,
    server: Server = None,
    offline: Offline = False,
    storage: Storage = DEFAULT_STORAGE,
    as_json: Json = False,
) -> None:
    """End a token: no process takes it any more within a second."""
    with place(context, server, offline, storage) as access:
        token = access.revoke_token(id_of(which, access.tokens()), force=force)
    if as_json:
        print_json(token)
    else:
        print(f"token {plain(facts(token, datetime.now(UTC)))}", file=sys.stdout)
