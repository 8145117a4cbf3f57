"""docs/how-to/export.md: every block of it does what it says, on two services with a real study."""

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import lrtune
from lrtune.service.cli.main import main
from tests.api.calls import StudyCalls
from tests.api.conftest import create, serving
from tests.docs.pages import DOCS
from tests.support.at_port import at_port

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

PAGE = (DOCS / "how-to" / "export.md").read_text()
BLOCKS = re.findall(r"^```(python|sh)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
OTHER = "http://other:8080"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[StudyCalls, StudyCalls, str]]:
    """The study of the page, what it is on the other service, and where that is."""
    with ExitStack() as stack:
        here, there = (stack.enter_context(serving(f"sqlite:///{tmp_path}/{name}.db")) for name in ("here", "there"))
        study = create(here, name="my-model", max_steps=5, sampler={"name": "random"}, pruner={"name": "none"})
        for _ in range(4):
            trial = study.lease()
            study.verdict(trial, (1, 2.0), (2, 1.0 / (trial["number"] + 1)))
            study.finish(trial)
        monkeypatch.setenv("LRTUNE_SERVER", stack.enter_context(at_port(here)))
        yield study, StudyCalls(there, "my-model"), stack.enter_context(at_port(there))


def run(command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A command of the page, and what it writes to a file."""
    words = shlex.split(command)
    to = None
    if ">" in words:
        to, words = words[-1], words[: words.index(">")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capfd.readouterr()
    assert not ended.value.code, err
    if to is not None:
        Path(to).write_text(out)


def test_every_block_of_the_page_runs(
    services: tuple[StudyCalls, StudyCalls, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    study, moved, other = services
    folder = tmp_path / "reader"
    folder.mkdir()
    monkeypatch.chdir(folder)
    session: dict[str, Any] = {"lrtune": lrtune}
    for kind, text in BLOCKS:
        if kind == "python":
            exec(compile(text, "export.md", "exec"), session)
            continue
        for command in text.strip().splitlines():
            run(command.replace(OTHER, other), monkeypatch, capfd)
    assert len(session["trials"]) == 4
    assert session["best"]["number"].iloc[0] == 3
    assert session["spread"][2, 0.5] == pytest.approx(5 / 12)
    assert session["losses"] == {number: [2.0, 1.0 / (number + 1)] for number in range(4)}
    files = {path.name for path in folder.iterdir()}
    assert files == {*(f"trials.{end}" for end in ("csv", "parquet")), *("curves.csv", "curves.parquet")} | {
        *("my-model.jsonl", "again.jsonl")
    }
    shown = study.get("/curves")
    for copy in (moved, StudyCalls(study.client, "my-model-2"), StudyCalls(study.client, "my-model-3")):
        assert copy.get("/curves") == shown


def test_the_page_names_every_column(services: tuple[StudyCalls, StudyCalls, str]) -> None:
    study, _, _ = services
    with lrtune.Client() as client:
        columns = list(client.study(study.name).trials_dataframe().columns)
    told = PAGE.split("## Tables as files")[0]
    for column in columns:
        assert f"`{'params_NAME' if column.startswith('params_') else column}`" in told, column
