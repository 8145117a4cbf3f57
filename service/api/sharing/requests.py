"""What a request says of the study that it is about, and its whole body, so that it can be sent on."""

import json
import re
from typing import Any

from starlette.types import Message, Receive, Scope

_OF_STUDY = re.compile(r"(?:/v1)?/studies/([^/]+)(?:/.*)?", re.DOTALL)
_ALL = "/v1/studies"
_BY_LEASE = re.compile(r"/v1/studies/[^/]+/trials/[0-9]+/(?:reports|heartbeat|result|release)")
_READS = ("GET", "HEAD")


def study_of(scope: Scope, body: bytes) -> str | None:
    """The name of the study that a request is about; None where it is about none, or about more than one."""
    path: str = scope["path"]
    found = _OF_STUDY.fullmatch(path)
    if found is not None:
        return found[1]
    return _created(body) if path == _ALL and scope["method"] == "POST" else None


def concerns_studies(scope: Scope) -> bool:
    """Whether a request may be about one study: whether its body has to be read to know."""
    path: str = scope["path"]
    return path.startswith(("/v1/studies", "/studies/"))


def is_repeatable(scope: Scope, body: bytes) -> bool:
    """Whether it does no harm to send a request again that may have been answered, the answer lost: a read, or one
    that is known by its lease or its request id."""
    if scope["method"] in _READS or _BY_LEASE.fullmatch(scope["path"]):
        return True
    return _text_of(body, "request_id") is not None


def _created(body: bytes) -> str | None:
    return _text_of(body, "name")


def _text_of(body: bytes, member: str) -> str | None:
    """What a member of an object says; None where it is no text, or the body no object: then it is refused by whoever
    reads it."""
    try:
        content = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    found = content.get(member) if isinstance(content, dict) else None
    return found if isinstance(found, str) else None


class WholeBody:
    """A request's body, read to its end or to `most` bytes. `replay` gives it to an application as it came."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []
        self.complete = False
        """Whether all of it is here: it is not larger than allowed, and the client is still there."""

    async def read(self, most: int) -> bytes:
        """Raises nothing; see `complete`."""
        size = 0
        while not self.complete and size <= most:
            message = await self._receive()
            self._messages.append(message)
            if message["type"] != "http.request":
                break
            size += len(message.get("body", b""))
            self.complete = not message.get("more_body", False) and size <= most
            if not message.get("more_body", False):
                break
        return b"".join(message.get("body", b"") for message in self._messages)

    def replay(self) -> Receive:
        """Messages from the first one on, then what else comes."""
        left = iter(self._messages)

        async def receive() -> Message:
            for message in left:
                return message
            return await self._receive()

        return receive

    async def gone(self) -> Any:
        """Return once the client has gone. Only where the body is complete."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
