"""The pages of frameworks: what is run of them, and what a reader changes in a script."""

import re
from difflib import SequenceMatcher

from tests.docs.pages import DOCS

OVERVIEW = DOCS / "how-to" / "frameworks.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ROW = re.compile(r"^\| .* \| `lrtune\[(\w+)\]` \| (\d+) \| \[.*\]\((.*\.md)\) \|$", re.MULTILINE)


def listed() -> dict[str, tuple[int, str]]:
    """By extra: the lines that the overview says one changes, and the page."""
    return {extra: (int(lines), page) for extra, lines, page in _ROW.findall(OVERVIEW.read_text())}


def blocks(page: str) -> list[str]:
    """The Python of a page in how-to/, in order: before, after, and what goes on from there."""
    return _BLOCK.findall((DOCS / "how-to" / page).read_text())


def changed_lines(before: str, after: str) -> int:
    """How many lines differ, without blank ones and regardless of indentation."""
    old, new = ([line.strip() for line in text.splitlines() if line.strip()] for text in (before, after))
    edits = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for kind, i1, i2, j1, j2 in edits if kind != "equal")
