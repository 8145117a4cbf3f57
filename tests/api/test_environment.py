"""A variable that lrtune does not know is told at the start, and those that it knows are all that it reads."""

import logging
import re
from pathlib import Path

import pytest

from lrtune.service.environment import known_variables, unknown_variables
from tests.api.conftest import serving

ROOT = Path(__file__).parents[2]
READ_BY_TESTS = re.compile(r"LRTUNE_BENCH_\w+")
OF_A_PROGRAM = re.compile(r"LRTUNE_PARAM_\w+|LRTUNE_PARAM")


def _named() -> set[str]:
    """Every `LRTUNE_*` in the code, the images and the pages."""
    folders = [ROOT / name for name in ("service", "trainers", "migrations", "docs")]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".md")]
    files += [ROOT / name for name in ("Dockerfile", "docker-compose.yml", "README.md", "Makefile")]
    return {name for path in files for name in re.findall(r"\bLRTUNE_[A-Z][A-Z_]*[A-Z]\b", path.read_text())}


def test_every_variable_that_is_named_anywhere_is_known_and_no_other() -> None:
    named = {name for name in _named() if not (READ_BY_TESTS.fullmatch(name) or OF_A_PROGRAM.fullmatch(name))}
    settings = known_variables() - named
    assert named <= known_variables()
    assert all(f"`{name}`" in (ROOT / "docs/reference/settings.md").read_text() for name in settings), settings


def test_a_variable_that_is_misspelt_is_told_with_the_nearest_one() -> None:
    names = [
        "PATH",
        "LRTUNE_STORGE",
        "LRTUNE_STORAGE",
        "lrtune_port",
        "LRTUNE_ALLOWED_HOST",
        "LRTUNE_SERVER",
        "LRTUNE_",
    ]
    told = unknown_variables(names)
    assert [text.split()[0] for text in told] == ["LRTUNE_", "LRTUNE_ALLOWED_HOST", "LRTUNE_STORGE"]
    assert told[1].endswith("did you mean LRTUNE_ALLOWED_HOSTS?")
    assert told[2].endswith("did you mean LRTUNE_STORAGE?")
    assert unknown_variables(known_variables()) == []


def test_the_service_tells_of_an_unknown_variable_when_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LRTUNE_MAX_BODY_BYTE", "5")
    with caplog.at_level(logging.WARNING), serving(f"sqlite:///{tmp_path}/lrtune.db"):
        pass
    assert "LRTUNE_MAX_BODY_BYTE " in caplog.text
    assert "LRTUNE_MAX_BODY_BYTES" in caplog.text
