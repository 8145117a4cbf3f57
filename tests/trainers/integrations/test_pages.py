"""What the pages of frameworks show: run from top to bottom, on a real service."""

from pathlib import Path
from typing import Any

import pytest

from lrtune import Client
from tests.trainers.integrations.pages import blocks, changed_lines, listed

MOST_LINES = 10
STUDIES: dict[str, list[str]] = {
    "keras": ["keras", "keras-resumed"],
    "lightning": ["lightning", "lightning-resumed"],
    "huggingface": [f"huggingface{more}" for more in ("", "-half-epochs", "-resumed", "-search")],
    "trl": ["trl", "trl-resumed"],
    "fastai": ["fastai", "fastai-resumed"],
    "accelerate": ["accelerate"],
    "sklearn": [],
    "trainers": ["pytorch"],
    **{name: [name] for name in ("lightgbm", "xgboost", "optuna", "optax")},
}
"""The studies that a page makes and names."""

PACKAGES = {"huggingface": "transformers", "trainers": "torch"}
"""What an extra brings, where that has another name."""


@pytest.fixture
def script(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of a script that is run in a folder of its own."""
    monkeypatch.setenv("LRTUNE_SERVER", address)
    monkeypatch.chdir(tmp_path)
    return {"__name__": "__main__"}


def run(code: str, names: dict[str, Any]) -> None:
    exec(compile(code, "page", "exec"), names)


def page_of(extra: str) -> list[str]:
    pytest.importorskip(PACKAGES.get(extra, extra), reason=f"needs lrtune[{extra}]: make frameworks")
    return blocks(listed()[extra][1])


def test_every_framework_has_a_page() -> None:
    assert listed().keys() == STUDIES.keys()


@pytest.mark.parametrize("extra", STUDIES)
def test_the_lines_to_change_are_as_few_as_the_overview_says(extra: str) -> None:
    before, after, *_ = blocks(listed()[extra][1])
    assert changed_lines(before, after) == listed()[extra][0]
    assert listed()[extra][0] <= MOST_LINES


def test_lines_are_counted_where_they_differ() -> None:
    assert changed_lines("a\nb\nc\n", "for x:\n    a\n\n    c\n") == 2
    assert changed_lines("a\nb\n", "a\nb\n") == 0


@pytest.mark.parametrize("extra", STUDIES)
def test_the_script_before_is_one_that_runs(extra: str, script: dict[str, Any]) -> None:
    run(page_of(extra)[0], script)


@pytest.mark.parametrize("extra", STUDIES)
def test_the_page_runs_and_its_studies_are_trained(extra: str, script: dict[str, Any], address: str) -> None:
    for block in page_of(extra)[1:]:
        run(block, script)
    with Client(address) as client:
        for name in STUDIES[extra]:
            states = [trial.state for trial in client.study(name).list()]
            assert set(states) <= {"complete", "pruned", "diverged"}, name
            assert "complete" in states, name


def test_a_rate_found_with_its_schedule_beats_the_usual_ones(script: dict[str, Any], address: str) -> None:
    before, after = page_of("trainers")
    run(before, script)
    usual = script["loss"].item()
    run(after.replace('"pytorch"', '"pytorch-again"'), script)
    with Client(address) as client:
        study = client.study("pytorch-again")
        assert study.suggestion().params.keys() == {"lr", "step_size", "gamma"}
        assert study.status().best.value < usual / 2
