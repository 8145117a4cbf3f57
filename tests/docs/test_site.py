"""The site that `make docs` builds: all pages, as GitHub shows them, and nothing loaded from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, INDEX, ROOT, TOUR, name_of
from tests.docs.sources import errors, public_names

pytest.importorskip("material")
pytest.importorskip("mkdocstrings")

PAGES = sorted(DOCS.rglob("*.md"))
PYTHON = DOCS / "reference" / "python.md"
COUNTED = ("h1", "h2", "h3", "li", "tr", "td", "pre", "img", "strong", "em")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site that was built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    build = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--config-file",
        "docs/site/mkdocs.yml",
        "--site-dir",
        str(folder),
    ]
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def shown(site: Path, page: Path) -> str:
    """The HTML of a page's own text."""
    path = Path("index.html") if page == INDEX else page.relative_to(DOCS).with_suffix(".html")
    (article,) = re.findall(r"<article.*?</article>", (site / path).read_text(), re.DOTALL)
    return article


def elements(html: str) -> dict[str, int]:
    """How many there are of what a page is made of."""
    return {tag: len(re.findall(rf"<{tag}[ >]", html)) for tag in COUNTED}


@pytest.mark.parametrize("page", [page for page in PAGES if page != PYTHON], ids=name_of)
def test_a_page_has_the_lists_and_tables_that_commonmark_makes_of_it(site: Path, page: Path) -> None:
    from markdown_it import MarkdownIt

    assert elements(shown(site, page)) == elements(MarkdownIt().enable("table").render(page.read_text()))


def test_every_public_name_and_error_is_described_with_its_signature(site: Path) -> None:
    described = shown(site, PYTHON)
    names = [*public_names(), *errors()]
    missing = [name for name in names if not re.search(rf'<h3 id="[\w.]*\b{name.rpartition(".")[2]}"', described)]
    assert missing == []
    assert described.count('class="doc doc-object ') >= len(names)
    assert "max_trials" in described, "an argument of lrtune.tune"
    assert "interval" in described, "a field of lrtune.Suggestion"


def test_the_notebook_is_a_page(site: Path) -> None:
    page = (site / "tour.html").read_text()
    assert page.count("<pre") == TOUR.read_text().count('"cell_type": "code"')
    assert 'href="how-to/without-a-service.html"' in page


def test_pages_beside_docs_are_in_the_site_and_link_to_those_in_it(site: Path) -> None:
    assert 'href="../ARCHITECTURE.md"' not in (site / "index.html").read_text()
    assert 'href="reference/glossary.html"' in (site / "ARCHITECTURE.html").read_text()
    assert 'href="how-to/export.html"' in (site / "CHANGELOG.html").read_text()


def test_every_page_is_in_the_navigation(site: Path) -> None:
    text = (site / "index.html").read_text()
    linked = set(re.findall(r'class="md-nav__link[^"]*"[^>]*href="([^"#]+)"|href="([^"#]+)" class="md-nav__link', text))
    targets = {one or other for one, other in linked}
    pages = {page.relative_to(DOCS).with_suffix(".html").as_posix() for page in PAGES if page != INDEX}
    assert pages - targets == set()


def test_a_browser_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]* src="([^"]+)"', text)
        loaded += re.findall(r'<link[^>]* rel="(?:stylesheet|preload|preconnect|icon)"[^>]*>', text)
        assert [one for one in loaded if "//" in one] == [], page
        assert 'class="mermaid"' not in text, "whose script comes from elsewhere"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", style.read_text()), style
