"""A Go client, generated from the committed OpenAPI document: the compiler takes it, and it runs a search."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.openapi import DOCUMENT
from tests.end_to_end.conftest import Service
from tests.end_to_end.generated import blocks, check_searched, succeed
from tests.support.processes import Programs

SOURCES = Path(__file__).parent / "go"
SEARCH = "search.go"
CONFIG = "openapi-generator.yaml"
GENERATOR = Path(sys.executable).with_name("openapi-generator-cli")
OFFLINE = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}

installed = pytest.mark.skipif(
    shutil.which("go") is None or not GENERATOR.exists(),
    reason="needs go (on Debian golang-go), and what `make go` installs",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the program, where a client can be generated."""
    for name in ("go.mod", CONFIG, SEARCH):
        shutil.copy(SOURCES / name, tmp_path)
    shutil.copy(DOCUMENT, tmp_path)
    return tmp_path


def test_the_program_and_the_configuration_on_the_page_are_those_that_are_run() -> None:
    program, config = ((SOURCES / name).read_text() for name in (SEARCH, CONFIG))
    shown = blocks("go")
    assert len(shown) == 4
    assert [block for block in shown if block not in program] == []
    assert blocks("yaml") == [config.partition("\n")[2]]


@installed
def test_a_generated_client_compiles_runs_a_whole_search_and_reads_what_is_refused(
    folder: Path, programs: Programs, tmp_path: Path
) -> None:
    succeed(folder, GENERATOR, "generate", "--config", CONFIG)
    succeed(folder, "go", "vet", "./...", **OFFLINE)
    succeed(folder, "go", "build", "-o", "searched", ".", **OFFLINE)
    service = Service(programs, f"sqlite:///{tmp_path}/lrtune.db")
    found = json.loads(succeed(folder, "./searched", LRTUNE_SERVER=service.address))
    check_searched(service.address, "from-go", found)
    assert found["problem"].startswith("404 ")
    assert "no-such-study" in found["problem"]


@installed
def test_what_is_misspelt_does_not_compile(folder: Path) -> None:
    succeed(folder, GENERATOR, "generate", "--config", CONFIG)
    program = folder / SEARCH
    for right, wrong in (("SetMaxSteps(3)", "SetMaxStep(3)"), ('NewFloatParameter("float", ', "NewFloatParameter(")):
        text = program.read_text()
        program.write_text(text.replace(right, wrong))
        with pytest.raises(AssertionError, match=r"search\.go"):
            succeed(folder, "go", "build", ".", **OFFLINE)
        program.write_text(text)
