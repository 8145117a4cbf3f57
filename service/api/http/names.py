"""The study that was meant by a name that is none, among those that whoever asks may see."""

from fastapi import Request

from lrtune.service import request_context
from lrtune.service.access.principal import STRANGER, Principal
from lrtune.service.sentences.nearest import LONGEST, did_you_mean
from lrtune.service.storage.errors import StorageUnavailable

PRINCIPAL = request_context.PRINCIPAL
"""Where in a request's scope stands who it comes from."""

_MOST = 200
"""Names that are compared, which takes a millisecond or a few."""


def study_meant(request: Request, name: str) -> str:
    """`did you mean 'cifar-10'? `, or nothing."""
    app = request.scope.get("app")
    container = None if app is None else getattr(app.state, "container", None)
    if container is None:
        return ""
    caller: Principal = request.scope.get(PRINCIPAL, STRANGER)
    try:
        known = container.engine.study_names()
    except StorageUnavailable:
        return ""
    return did_you_mean(name, [one for one in _alike(name[:LONGEST], known) if caller.sees(one)][:_MOST])


def _alike(typed: str, known: dict[str, int]) -> list[str]:
    """The names of about its length, those that begin as it does first."""
    most = 1 + len(typed) // 3
    names = [one for one in known if abs(len(one) - len(typed)) <= most]
    names.sort(key=lambda one: (one[:1] != typed[:1], abs(len(one) - len(typed))))
    return names[: 10 * _MOST]
