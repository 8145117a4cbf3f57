"""Where a browser may be sent, and where a study's things lie."""

from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request

from lrtune.service.wire.access.secrets import holds_secret

_LONGEST = 2000


def way_back(path: str) -> str | None:
    """A path of this service, where this is one; None for whatever a browser could take for another place."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path or len(path) > _LONGEST:
        return None
    if any(not "!" <= character <= "~" for character in path) or holds_secret(path.encode()):
        return None
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or parts.path.rstrip("/").endswith(("/sign-in", "/sign-out")):
        return None
    return path


def study_paths(request: Request, study: str) -> dict[str, Any]:
    """Of the service (`root`), of a study's page (`address`), of what programs call (`api`) and of its events."""
    root, name = request.scope.get("root_path", ""), quote(study, safe="")
    api = f"{root}/v1/studies/{name}"
    return {"root": root, "address": f"{root}/studies/{name}", "api": api, "events": f"{api}/events"}
