"""docs/tour.ipynb runs from its first cell to its last, as a reader's, and is committed without outputs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import DOCS, TOUR, anchors

CELLS: list[dict[str, Any]] = json.loads(TOUR.read_text())["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each cell of code shows last, by MIME type; empty where it shows nothing."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    folder, jupyter = tmp_path_factory.mktemp("notebook"), tmp_path_factory.mktemp("jupyter")
    tour = nbformat.read(TOUR, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(jupyter))
        nbclient.NotebookClient(tour, timeout=120, startup_timeout=120, resources=resources).execute()
    assert list(folder.iterdir()) == [], "it leaves nothing where the reader works"
    cells = [cell for cell in tour.cells if cell.cell_type == "code"]
    return [dict(([one.data for one in cell.outputs if "data" in one] or [{}])[-1]) for cell in cells]


def shown_by(outputs: list[dict[str, Any]], last_line: str) -> dict[str, Any]:
    """What the cell shows whose last line begins so."""
    (found,) = (
        output
        for cell, output in zip(CODE, outputs, strict=True)
        if "".join(cell["source"]).splitlines()[-1].startswith(last_line)
    )
    return found


def test_the_suggestion_is_a_card_with_a_rate(outputs: list[dict[str, Any]]) -> None:
    card = shown_by(outputs, "result.suggestion")["text/html"]
    assert re.search(r"learning rate 0\.0\d+", card), card


def test_the_range_test_is_a_card_with_its_answer(outputs: list[dict[str, Any]]) -> None:
    card = shown_by(outputs, "lrtune.range_test")["text/html"]
    assert re.search(r"range test: 0\.\d+", card), card


@pytest.mark.parametrize("call", ["result.study.plot_response", "result.study.plot_curves", "lrtune.plot_schedule"])
def test_each_picture_is_drawn(outputs: list[dict[str, Any]], call: str) -> None:
    assert shown_by(outputs, call)["application/vnd.plotly.v1+json"]["data"]


def test_it_is_committed_without_outputs() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CODE)


def test_its_links_lead_somewhere() -> None:
    texts = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown"]
    targets = [target for text in texts for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    assert targets
    for target in targets:
        path, _, heading = target.partition("#")
        page: Path = DOCS / path
        assert page.is_file(), target
        assert not heading or heading in anchors(page), target
