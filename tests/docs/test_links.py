"""Links between pages, and from code to pages, lead somewhere, and every page can be found."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, INDEX, PAGES, ROOT, anchors, linked_pages, links, name_of

SOURCES = sorted(
    path
    for folder in ("service", "trainers", "migrations", "tests", "lrtune")
    for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, heading = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not heading or heading in anchors(found), target


def test_every_page_is_in_the_index() -> None:
    listed = set(linked_pages(INDEX))
    pages = {page for page in DOCS.rglob("*.md") if page != INDEX}
    assert {name_of(page) for page in pages - listed} == set()


def test_the_index_is_linked_from_the_first_page_that_a_reader_sees() -> None:
    assert INDEX in set(linked_pages(ROOT / "README.md"))


def test_every_page_that_code_names_exists() -> None:
    named = {
        (name_of(path), found)
        for path in SOURCES
        for found in re.findall(r"\bdocs/[\w/-]+\.(?:md|png)", path.read_text())
    }
    assert named
    assert [(path, page) for path, page in sorted(named) if not (ROOT / page).is_file()] == []


def test_a_heading_is_found_by_its_anchor(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Train with `fit`\n\n```\n# no heading\n```\n\n## In a study: how?\n")
    assert anchors(page) == {"train-with-fit", "in-a-study-how"}
