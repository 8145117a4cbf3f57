"""A TypeScript client, generated from the committed OpenAPI document: the compiler takes it, and it runs a search."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lrtune.trainers.client.client import Client
from tests.docs.openapi import DOCUMENT
from tests.docs.pages import DOCS
from tests.end_to_end.conftest import Service
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


def _run(folder: Path, *command: str | Path, **variables: str) -> str:
    """What it prints on both outputs. It has to succeed."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | variables, stdout=-1, stderr=subprocess.STDOUT, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_program_on_the_page_is_the_one_that_is_run() -> None:
    program = (SOURCES / SEARCH).read_text()
    blocks = re.findall(
        r"^```ts\n(.*?)^```$", (DOCS / "how-to" / "other-languages.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert len(blocks) == 4
    assert [block for block in blocks if block not in program] == []


@installed
def test_a_generated_client_passes_the_strict_compiler_which_refuses_wrong_bodies_and_runs_a_whole_search(
    folder: Path, programs: Programs, tmp_path: Path
) -> None:
    bins = PACKAGES / ".bin"
    _run(folder, bins / "openapi-typescript", DOCUMENT, "--output", "build/lrtune.ts")
    _run(folder, bins / "tsc", "--strict")
    service = Service(programs, f"sqlite:///{tmp_path}/lrtune.db")
    found = json.loads(_run(folder, "node", "build/js/search.js", LRTUNE_SERVER=service.address))
    assert found["trials"] == 4
    assert 1e-4 <= found["learning_rate"] <= 1
    with Client(service.address) as client:
        status = client.study("from-typescript").status()
    assert status.state == "finished"
    assert status.trials.complete + status.trials.diverged == 4
