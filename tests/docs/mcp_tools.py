"""The committed list of the tools of `lrtune mcp`, docs/reference/mcp-tools.json.

    python -m tests.docs.mcp_tools

writes it anew; the difference is what agents will see.
"""

import json
from typing import Any

from lrtune.service.cli.commands.mcp.tools.catalogue import TOOLS
from tests.docs.pages import DOCS

DOCUMENT = DOCS / "reference" / "mcp-tools.json"
COMMAND = "python -m tests.docs.mcp_tools"


def listed() -> list[dict[str, Any]]:
    """The tools as a server lists them."""
    return [tool.listed().model_dump(mode="json", by_alias=True, exclude_none=True) for tool in TOOLS.values()]


def formatted(tools: list[dict[str, Any]]) -> str:
    """As it is committed: a difference of two is told line by line."""
    return json.dumps(tools, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(formatted(listed()))
