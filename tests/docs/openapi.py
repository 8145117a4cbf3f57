"""The committed OpenAPI document, docs/reference/openapi.json, from which clients are generated.

    python -m tests.docs.openapi

writes it anew; the difference is what those clients will meet.
"""

import json
import tempfile
import tomllib
from typing import Any

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.docs.pages import DOCS, ROOT

DOCUMENT = DOCS / "reference" / "openapi.json"
COMMAND = "python -m tests.docs.openapi"


def served() -> dict[str, Any]:
    """What a service with default settings serves at `/openapi.json`, with this checkout's version."""
    with tempfile.TemporaryDirectory() as folder:
        page = create_app(Settings(storage=f"sqlite:///{folder}/none.db")).openapi()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    found: dict[str, Any] = json.loads(json.dumps({**page, "info": {**page["info"], "version": version}}))
    return found


def formatted(page: dict[str, Any]) -> str:
    """As it is committed: a difference of two is told line by line."""
    return json.dumps(page, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(formatted(served()))
