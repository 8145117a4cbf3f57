"""The pages that a reader may open, and what is written in them: links, names, commands."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
TOUR = DOCS / "tour.ipynb"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"])

_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


def name_of(page: Path) -> str:
    """A page as it is called from the root."""
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCED.sub("", page.read_text())


def links(page: Path) -> list[str]:
    """Where the page's links and pictures lead, but those to other sites."""
    return [target for target in _LINK.findall(prose(page)) if not re.match(r"https?:", target)]


def linked_pages(page: Path) -> Iterator[Path]:
    """The files that the page links to."""
    for target in links(page):
        path = target.partition("#")[0]
        if path:
            yield (page.parent / path).resolve()


def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def code(page: Path) -> list[str]:
    """What the page's prose sets in code."""
    return _CODE.findall(prose(page))
