"""`lrtune token`: its commands; the larger ones have files of their own."""

from datetime import UTC, datetime

import typer

from lrtune.service.cli.commands.access.create import create
from lrtune.service.cli.commands.access.durations import ago
from lrtune.service.cli.commands.access.place import Offline, place
from lrtune.service.cli.commands.access.rotate import revoke, rotate
from lrtune.service.cli.commands.access.shown import facts, state
from lrtune.service.cli.connection import connect
from lrtune.service.cli.database import DEFAULT_STORAGE, Storage
from lrtune.service.cli.options import Json, Server
from lrtune.service.cli.output import print_json, print_table
from lrtune.service.sentences.words import plain


def list_tokens(
    context: typer.Context,
    server: Server = None,
    offline: Offline = False,
    storage: Storage = DEFAULT_STORAGE,
    as_json: Json = False,
) -> None:
    """List the tokens, the newest first, without their secrets."""
    with place(context, server, offline, storage) as access:
        tokens = list(access.tokens())
    if as_json:
        print_json(tokens)
        return
    now = datetime.now(UTC)
    print_table(
        ("token", "id", "name", "role", "studies", "state", "last used"),
        (
            (
                token.prefix,
                token.id,
                token.name,
                token.role,
                ", ".join(token.scopes),
                state(token, now),
                "never" if token.last_used_at is None else ago(token.last_used_at, now),
            )
            for token in tokens
        ),
        whole=("token", "id"),
    )


def whoami(server: Server = None, as_json: Json = False) -> None:
    """Say which token this command shows to the service, where it found it, and what it may do."""
    with connect(server) as client:
        me = client.me()
        at, source = client.server, client.token_source
    if as_json:
        print_json({**me.model_dump(mode="json"), "server": at, "found_in": source})
        return
    if me.token is None:
        print(f"{at} has no tokens: whoever reaches it may do everything")
    else:
        now = datetime.now(UTC)
        print(f"{plain(facts(me.token, now))}; found in {source}")
        if me.former is not None:
            until = f"{me.former.holds_until:%Y-%m-%d %H:%M} UTC"
            print(
                f"it was rotated, and the secret shown is the former one, {me.former.prefix}…, which holds until "
                f"{until} ({ago(me.former.holds_until, now)}): put the new one into its place"
            )


app = typer.Typer(help="Make, list, revoke and rotate tokens.", no_args_is_help=True, add_completion=False)
app.command("create")(create)
app.command("list")(list_tokens)
app.command("revoke")(revoke)
app.command("rotate")(rotate)
app.command("whoami")(whoami)
