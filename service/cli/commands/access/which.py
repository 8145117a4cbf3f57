"""Which token is meant: by its id, or by how its secret begins."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.output import fail
from lrtune.service.wire.access.secrets import MARK, PREFIX_LENGTH

if TYPE_CHECKING:
    from lrtune.service.wire.access.bodies import Token

Which = Annotated[
    str, typer.Argument(metavar="ID|PREFIX", help="Its id, or how its secret begins; `lrtune token list` shows both.")
]


_ID = re.compile(r"[0-9a-f]{12}")


def is_named(which: str) -> bool:
    """Whether that may be an id, or how a secret begins: neither is the name of a token."""
    return which.startswith(MARK) or _ID.fullmatch(which) is not None


def id_of(which: str, tokens: "Iterable[Token]") -> str:
    """The id of the token that is meant; of a whole secret no more than its prefix is ever shown."""
    if not which.startswith(MARK):
        return which
    prefix = which[:PREFIX_LENGTH]
    found = [token for token in tokens if token.prefix.startswith(prefix)]
    if len(found) > 1 and (in_use := [token for token in found if token.revoked_at is None]):
        found = in_use
    if not found:
        fail(f"no token begins with {prefix}: `lrtune token list` shows those there are")
    if len(found) > 1:
        fail(f"{len(found)} tokens begin with {prefix}: name one by its id, {', '.join(one.id for one in found[:9])}")
    return found[0].id
