"""Who a change is made for: what is done to studies and tokens is kept with that."""

import contextlib
import getpass
import socket
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Literal, NamedTuple

Via = Literal["http", "dashboard", "grpc", "command", "service"]


class Actor(NamedTuple):
    """Who asked for it: the name of a token (or its prefix), its id, the address of the request, and by which door."""

    name: str
    token_id: str | None = None
    address: str | None = None
    via: Via = "http"

    @property
    def told(self) -> dict[str, str | None]:
        """The same for a line of the log."""
        return {"actor": self.name, "token": self.token_id, "address": self.address, "via": self.via}


SERVICE = Actor("lrtune", via="service")
"""What the service does by itself."""

ACTING: ContextVar[Actor] = ContextVar("lrtune_acting", default=SERVICE)
"""Who the current request comes from. Set where it is let in, and read where a change is noted."""


@contextlib.contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Within the block, in this thread or task, changes are made for `actor`."""
    token = ACTING.set(actor)
    try:
        yield
    finally:
        ACTING.reset(token)


def whoever_typed() -> Actor:
    """Who runs this command on the database itself: a user of this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # A container's user without a name.
        user = "someone"
    return Actor(f"{user}@{socket.gethostname()}", via="command")
