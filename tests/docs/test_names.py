"""What pages name is there: modules and functions, files, commands."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from lrtune.service.cli.main import app
from tests.benchmarks.command import app as bench
from tests.docs.pages import PAGES, ROOT, code, name_of

FOLDERS = ("service", "trainers", "migrations", "tests", "lrtune", "docs")
NOT_CODE = re.compile(r"lrtune\.(db|lock|json|(access|study|trial|token|request)(?!\.))\b")
"""Files, a logger, attributes of a span."""
CHANGES = ROOT / "CHANGELOG.md"
"""Which may name what is gone."""

NOW = [page for page in PAGES if page != CHANGES]


def _resolve(dotted: str) -> Any:
    """The module, class or function of that name. Raises ImportError, AttributeError."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        module = ".".join(parts[:count])
        try:
            known = find_spec(module) is not None
        except ModuleNotFoundError:
            known = False
        except ImportError as absent:  # Of a framework's module, which names the extra that brings it.
            if "lrtune[" in str(absent):
                pytest.skip(str(absent))
            raise
        if known:
            found: Any = import_module(module)
            for name in parts[count:]:
                found = getattr(found, name)
            return found
    raise ImportError(dotted)


@pytest.fixture(autouse=True)
def _keras_on_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")  # Else it asks for TensorFlow.


@pytest.mark.parametrize("page", NOW, ids=name_of)
def test_every_module_and_function_that_a_page_names_exists(page: Path) -> None:
    named = [name for text in code(page) for name in re.findall(r"\blrtune(?:\.\w+)+", text)]
    for name in named:
        if not NOT_CODE.match(name):
            _resolve(name)


@pytest.mark.parametrize("page", NOW, ids=name_of)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    for text in code(page):
        if re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*", text):
            assert (ROOT / text).exists(), text


@pytest.mark.parametrize("page", NOW, ids=name_of)
def test_every_program_of_the_checkout_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    for module in re.findall(r"python -m (tests[\w.]*)", text):
        assert find_spec(module.rstrip(".")) is not None, module
    named = re.findall(r"python -m tests\.benchmarks (\w+)", text) + re.findall(r'make bench ARGS="(\w+)', text)
    assert set(named) <= set(_names(bench))


@pytest.mark.parametrize("page", NOW, ids=name_of)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    known = _names(app)
    for name, *more in re.findall(r"`lrtune ([a-z]+)(?: ([a-z]+))?", page.read_text()):
        assert name in known, name
        below = _below(app, name)
        if more[0] and below:
            assert more[0] in below, (name, more)


def _names(of: typer.Typer) -> list[str]:
    return typer.main.get_command(of).list_commands(None)


def _below(of: typer.Typer, name: str) -> list[str]:
    """The subcommands of a command."""
    found = typer.main.get_command(of).get_command(SimpleNamespace(resilient_parsing=False), name)
    return list(getattr(found, "commands", ()))
