"""Pages that are followed from their first line to their last: docs/start, and some of docs/how-to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.trainers.client.client import Client
from tests.benchmarks.newcomer.command import typed_lines
from tests.docs.pages import DOCS, name_of
from tests.docs.walk_through import (
    FIRST_STUDY,
    LEARNING_RATES,
    PICTURES,
    SHORT,
    Step,
    pictures,
    reading,
    steps,
    words,
)

pytest.importorskip("sklearn")

TEXT = LEARNING_RATES.read_text()
STEPS = steps(TEXT)
EXACT = re.compile(r"lrtune (schedule|scale|study create) |lrtune find --optimizers|lrtune find .*--low nan")
"""Commands that train nothing: they print the same on every machine."""

MOST_BYTES = 60_000


@dataclass(frozen=True)
class Walked:
    """What every step printed, and where its files are."""

    printed: list[str]
    folder: Path


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    folder = tmp_path_factory.mktemp("walk") / "reader"
    folder.mkdir()
    with reading(folder) as reader:
        yield Walked([reader.do(step) for step in STEPS], folder)


def _name(step: Step) -> str:
    return " ".join(step.text.replace("\\\n", "").split())[:60]


@pytest.mark.parametrize("number", range(len(STEPS)), ids=[_name(step) for step in STEPS])
def test_a_step_prints_what_the_page_says(walked: Walked, number: int) -> None:
    step, printed = STEPS[number], walked.printed[number]
    if step.kind == "command" and EXACT.match(step.text):
        assert printed == step.prints
    elif step.kind in ("command", "snippet"):
        assert words(printed) == words(step.prints)
        assert "Traceback" not in printed


@pytest.mark.parametrize("page", SHORT, ids=name_of)
def test_a_page_prints_what_it_says(page: Path, tmp_path: Path) -> None:
    (tmp_path / "reader").mkdir()
    with reading(tmp_path / "reader") as reader:
        for step in steps(page.read_text()):
            assert words(reader.do(step)) == words(step.prints), step.text


def test_the_first_suggestion_of_the_first_page_takes_twelve_lines_of_typing() -> None:
    install, *script, start = typed_lines()
    assert install.startswith("pip install ")
    assert "lrtune.tune(" in script[-1]
    assert f"`{start}`" in FIRST_STUDY.read_text()
    assert "suggested learning_rate=" in steps(FIRST_STUDY.read_text())[0].prints
    assert len(typed_lines()) <= 12


def test_every_picture_of_the_page_is_made_by_its_commands(walked: Walked) -> None:
    named = pictures(TEXT)
    assert len(named) >= 6
    for name in named:
        assert (PICTURES / name).stat().st_size <= MOST_BYTES
        with Image.open(walked.folder / name) as made, Image.open(PICTURES / name) as kept:
            assert made.format == kept.format == "PNG"
            assert made.size[0] == kept.size[0]
            assert len(made.convert("RGB").getcolors(1 << 20) or ()) > 10, "it is blank"


def test_every_picture_is_on_a_page() -> None:
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
    shown = {name for page in pages for name in pictures(page.read_text())}
    assert shown == {path.name for path in PICTURES.iterdir()}


def test_the_verdicts_of_the_page_are_too_low_unclear_and_too_high() -> None:
    (said,) = [step.prints for step in STEPS if "result.diagnosis.verdict" in step.text]
    assert re.findall(r": (too_low|unclear|too_high)$", said, re.MULTILINE) == ["too_low", "unclear", "too_high"]


@pytest.mark.parametrize("heading", ["On built-in tasks", "On small trainings"])
def test_the_figures_of_starting_points_are_those_that_were_measured(heading: str) -> None:
    page = (DOCS / "explanation" / "range-tests.md").read_text()
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    measured = [[cell.strip() for cell in row.split("|")] for row in section.splitlines()]
    shares = {row[1]: (row[4], row[5]) for row in measured if len(row) >= 8}
    part = TEXT[TEXT.index(f"range-tests.md#{heading.lower().replace(' ', '-')}) |") :]
    told = re.findall(r"\| (0\.01|0\.001|range test) \| (.*) \| (.*) \|\n", part)[:3]
    names = {"0.01": "fixed 1e-2", "0.001": "fixed 1e-3", "range test": "recommended, one seed"}
    assert {names[name]: (twice, worse) for name, twice, worse in told} == {
        name: shares[name] for name in names.values()
    }


def test_everything_in_the_last_table_exists(tmp_path: Path) -> None:
    table = TEXT.split("## The same from Python and over HTTP")[1]
    functions = re.findall(r"`(lrtune(?:\.\w+)*)\.(\w+)`", table)
    assert len(functions) >= 9
    for module, name in functions:
        assert callable(getattr(import_module(module), name))
    for method in re.findall(r"`Client\.(\w+)`", table):
        assert callable(getattr(Client, method))
    paths: dict[str, Any] = create_app(Settings(storage=f"sqlite:///{tmp_path}/lrtune.db")).openapi()["paths"]
    calls = re.findall(r"`(GET|POST) (/v1/[^`]+)`", table)
    assert len(calls) >= 9
    for method, path in calls:
        assert method.lower() in paths[path]
