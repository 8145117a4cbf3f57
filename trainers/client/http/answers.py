"""Whose answer it is: lrtune's, or that of something in between.

A proxy, a gateway, a login page or another program at the address may answer in the service's place, with any status.
What is not written as lrtune writes says nothing about the request, and is treated as a broken connection.
"""

import re

import httpx2
from pydantic import ValidationError

from lrtune.service.wire.access.credentials import concealed
from lrtune.service.wire.study_lines import MEDIA_TYPE
from lrtune.service.wire.trials import Problem
from lrtune.trainers.errors import ForeignAnswer

_OWN_TYPE = re.compile(r"[a-z][a-z0-9-]*\Z")
"""lrtune names its problems by one bare word, `lease-lost`; others use URLs or about:blank."""

_LONGEST_EXCERPT = 120


def own_problem(response: httpx2.Response) -> Problem | None:
    """The problem that lrtune answered (RFC 9457); None where somebody else did."""
    if _media_type(response) != "application/problem+json":
        return None
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return None
    own = problem.status == response.status_code and _OWN_TYPE.match(problem.type) is not None
    return problem if own else None


def foreign(
    server: str, response: httpx2.Response, *, heard: bool, why: str = "", after: float | None = None
) -> ForeignAnswer:
    """The error that such an answer is. `heard`: lrtune itself has answered at this address before."""
    request = response.request
    told = f"{request.method} {request.url.path} was answered {response.status_code} by something else than lrtune"
    if response.has_redirect_location:
        told += f", which sends on to {concealed(response.headers['Location'])[:_LONGEST_EXCERPT]}"
    elif why:
        told += f": {why}"
    else:
        told += f": {_excerpt(response)}"
    return ForeignAnswer(server, told, status=response.status_code, heard=heard, retry_after_seconds=after)


def _media_type(response: httpx2.Response) -> str:
    return str(response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def _excerpt(response: httpx2.Response) -> str:
    """How its body begins; some echo what they were sent."""
    text = concealed(" ".join(response.content[:1000].decode(errors="replace").split()))
    return repr(text[:_LONGEST_EXCERPT]) if text else "an empty body"


def misread(error: ValueError) -> str:
    """What to do about an answer that is JSON but not the expected one; nothing where it is no JSON at all."""
    if not isinstance(error, ValidationError) or error.errors()[0]["type"] == "json_invalid":
        return ""
    what = f"a {error.title}" if error.title.isidentifier() else "the answer expected"
    return f"JSON, but not {what}; check the address, and that service and trainer have the same version"


def cause(error: httpx2.TransportError) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, httpx2.TimeoutException):
        return "it took too long"
    text = " ".join(str(error).split())
    return text.partition("] ")[2].lower() or text or type(error).__name__


def events(response: httpx2.Response) -> httpx2.Response:
    """The answer, which is a stream of events. Raises ValueError."""
    return _of_type(response, "text/event-stream")


def lines(response: httpx2.Response) -> httpx2.Response:
    """The answer, which is the lines of a study. Raises ValueError."""
    return _of_type(response, MEDIA_TYPE)


def _of_type(response: httpx2.Response, media_type: str) -> httpx2.Response:
    if _media_type(response) != media_type:
        response.read()
        raise ValueError(f"not {media_type}")
    return response


def nothing(response: httpx2.Response) -> None:
    """What says that all went well, and no more. Raises ValueError."""
    if response.status_code != 204:
        raise ValueError(f"{response.status_code}, not 204")
