"""A TypeScript client, generated from the committed OpenAPI document: the compiler takes it, and it runs a search."""

import json
import shutil
from pathlib import Path

import pytest

from tests.docs.openapi import DOCUMENT
from tests.end_to_end.conftest import Service
from tests.end_to_end.generated import blocks, check_searched, succeed
from tests.support.processes import Programs

SOURCES = Path(__file__).parent / "typescript"
PACKAGES = SOURCES / "node_modules"
SEARCH = "search.ts"

installed = pytest.mark.skipif(
    shutil.which("node") is None or not (PACKAGES / ".bin" / "tsc").exists(),
    reason="needs node, and what `make typescript` installs",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the program and the packages it needs, where a client can be generated."""
    for name in ("package.json", "tsconfig.json", SEARCH):
        shutil.copy(SOURCES / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    return tmp_path


def test_the_program_on_the_page_is_the_one_that_issucceed() -> None:
    program = (SOURCES / SEARCH).read_text()
    shown = blocks("ts")
    assert len(shown) == 4
    assert [block for block in shown if block not in program] == []


@installed
def test_a_generated_client_passes_the_strict_compiler_which_refuses_wrong_bodies_and_runs_a_whole_search(
    folder: Path, programs: Programs, tmp_path: Path
) -> None:
    bins = PACKAGES / ".bin"
    succeed(folder, bins / "openapi-typescript", DOCUMENT, "--output", "build/lrtune.ts")
    succeed(folder, bins / "tsc", "--strict")
    service = Service(programs, f"sqlite:///{tmp_path}/lrtune.db")
    found = json.loads(succeed(folder, "node", "build/js/search.js", LRTUNE_SERVER=service.address))
    check_searched(service.address, "from-typescript", found)
