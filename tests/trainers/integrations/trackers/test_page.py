"""docs/how-to/trackers.md: its Python runs from top to bottom, and its commands do what they say."""

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from lrtune import Client
from tests.docs.pages import DOCS
from tests.end_to_end.conftest import environ
from tests.support.processes import Programs
from tests.trainers.integrations.pages import blocks

pytest.importorskip("tensorboard", reason="needs lrtune[tensorboard]: make frameworks")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

PAGE = "trackers.md"
COMMANDS = re.findall(r"^```sh\nlrtune (.*?)\n```$", (DOCS / "how-to" / PAGE).read_text(), re.MULTILINE | re.DOTALL)


def steps(run: Path) -> list[int]:
    held = EventAccumulator(str(run))
    held.Reload()
    return [one.step for one in held.Scalars("loss")]


def test_the_page_runs_and_its_trials_are_in_tensorboard(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LRTUNE_SERVER", address)
    script, loop, own = blocks(PAGE)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(script, "page", "exec"), names)
    (tuned,) = (one for one in (tmp_path / "runs").iterdir() if one.is_dir())
    assert sorted(one.name for one in tuned.glob("trial-*")) == [f"trial-{number:04}" for number in range(5)]
    exec(compile(loop, "page", "exec"), names)
    tracked = sorted((tmp_path / "runs" / "tracked").glob("trial-*"))
    assert len(tracked) == 5
    with Client(address) as client:
        for run in tracked:
            trial = client.trial("tracked", int(run.name.removeprefix("trial-")))
            assert steps(run) == [point.step for point in trial.curve]
    exec(compile(own, "page", "exec"), names)
    said = capsys.readouterr().out
    assert re.search(r"^0 \[\(1, ", said, re.MULTILINE)
    assert re.search(r"^[01] (complete|pruned)$", said, re.MULTILINE)


def test_its_commands_mirror_a_study_and_mirror_it_again(address: str, tmp_path: Path) -> None:
    worker, mirror = COMMANDS
    script = blocks(PAGE)[0].partition("lrtune.tune")[0].replace("import lrtune\n", "")
    (tmp_path / "my_script.py").write_text(script)
    with Client(address) as client, Programs(tmp_path / "programs") as programs:
        client.create_study("commands", max_trials=3, max_steps=4, pruner="none")
        for command in (worker, mirror, mirror):
            arguments = shlex.split(command.replace("tracked", "commands"))
            command_line = [sys.executable, "-m", "lrtune.service.cli.main", *arguments]
            assert programs.start(command_line, environ(LRTUNE_SERVER=address), cwd=tmp_path).wait(60) == 0
    found = {one.name: steps(one) for one in (tmp_path / "runs" / "commands").glob("trial-*")}
    assert found == {f"trial-000{number}": [1, 2, 3, 4] for number in range(3)}


def test_every_tracker_of_the_page_s_table_can_be_named() -> None:
    from lrtune.trainers.integrations.trackers.named import NAMES

    text = (DOCS / "how-to" / PAGE).read_text()
    assert set(re.findall(r"^\| \[.*\]\(.*\) \| `lrtune\[(\w+)\]`", text, re.MULTILINE)) == set(NAMES)
    assert set(re.findall(r"^\| `(\w+)`, `\1:", text, re.MULTILINE)) == set(NAMES)
