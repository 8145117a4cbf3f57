"""What MkDocs is told beside mkdocs.yml: the navigation, pages that lie beside docs/, and the reference of names.

MkDocs calls these functions by their names; https://www.mkdocs.org/dev-guide/plugins/#events says when.
"""

import json
import os.path
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
BESIDE = ("ARCHITECTURE.md", "CHANGELOG.md")
"""Pages at the root of the checkout that are in the site, too."""

INDEX = "README.md"
NAMES = "reference/python.md"
TOUR, TOUR_PAGE = "tour.ipynb", "tour.md"

_LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=(?:#[^)\s]*)?\))")
_NAMED_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s#:]+\.(?:md|ipynb))\)")
_ROW = re.compile(r"^\| `(lrtune(?:\.\w+)+)` \|")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation: the headings of docs/README.md, and the pages which it lists below each."""
    config.nav = navigation((DOCS / INDEX).read_text(encoding="utf-8"))
    return config


def navigation(index: str) -> list[dict[str, Any]]:
    """MkDocs' `nav` of an index: `##` a tab, `###` a group in it, a link in a list a page."""
    tabs: list[dict[str, Any]] = [{"lrtune": [{"Documentation": INDEX}]}]
    pages: list[dict[str, Any]] = tabs[0]["lrtune"]
    for line in index.splitlines():
        if line.startswith("## "):
            pages = []
            tabs.append({line[3:]: pages})
        elif line.startswith("### "):
            pages = []
            next(iter(tabs[-1].values())).append({line[4:]: pages})
        elif line.startswith("- "):
            for title, target in _NAMED_LINK.findall(line):
                pages.append({title.replace("`", ""): TOUR_PAGE if target == TOUR else target.removeprefix("../")})
    return tabs


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages of docs/, those beside it, and the notebook as a page."""
    for name in BESIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    tour = json.loads((DOCS / TOUR).read_text(encoding="utf-8"))
    files.append(File.generated(config, TOUR_PAGE, content=notebook_page(tour)))
    return files


def notebook_page(notebook: dict[str, Any]) -> str:
    """The cells of a notebook of Python, as a page."""
    texts = ((cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"])
    return "\n\n".join(f"```python\n{text}\n```" if kind == "code" else text for kind, text in texts)


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """A page with its links as they are in the site, and, of the list of names, what the sources say of each."""
    here = Path(page.file.abs_src_path or DOCS / page.file.src_uri).parent
    shown = _LINK.sub(lambda link: _moved(link[0], here, Path(page.file.src_uri).parent), markdown)
    return described(shown) if page.file.src_uri == NAMES else shown


def _moved(target: str, here: Path, there: Path) -> str:
    """The link `target` of a page that lies in the folder `here`, and in the site in `there`."""
    path = (here / target).resolve()
    if path.is_dir():
        path = DOCS / INDEX  # Which lists what is in the folder.
    if path == DOCS / TOUR:
        path = DOCS / TOUR_PAGE
    if path.parent == ROOT and path.name in BESIDE:
        return os.path.relpath(path.name, there)
    return os.path.relpath(path.relative_to(DOCS), there) if path.is_relative_to(DOCS) else target


def described(markdown: str) -> str:
    """The lists of names in `markdown`, below each of them what mkdocstrings makes of its names."""
    lines: list[str] = []
    names: list[str] = []
    for line in [*markdown.splitlines(), ""]:
        row = _ROW.match(line)
        if row:
            names.append(row[1])
        elif names and not line:
            lines += ["", *(f"::: {name}\n" for name in names)]
            names = []
        lines.append(line)
    return "\n".join(lines)
