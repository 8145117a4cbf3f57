"""What docs/how-to/upgrade.md promises of a standby of a newer version, and the commands that are named there."""

import re
import time
from pathlib import Path

import httpx2
import pytest

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import open_engine
from lrtune.service.storage.maintenance import upgrade
from tests.deploy.compose import ROOT, load
from tests.deploy.stack import BIN
from tests.support.processes import POLL_SECONDS, Programs, bare_environ

PAGES = [ROOT / "docs/how-to" / name for name in ("upgrade.md", "production.md")]
_BEFORE = "0006"


@pytest.mark.slow
def test_a_standby_of_a_newer_version_waits_and_changes_the_tables_when_it_takes_over(
    storage_url: str, programs: Programs, tmp_path: Path
) -> None:
    open_engine(storage_url).close()
    old = Database(storage_url)
    try:
        old.acquire()  # As a writer of the version before holds it, whose tables these are.
        with old.transaction() as connection:
            upgrade.downgrade_ours(connection, _BEFORE)
        environ = bare_environ(BIN, tmp_path, LRTUNE_STORAGE=storage_url, LRTUNE_PORT="0")
        new = programs.start([str(BIN / "lrtune"), "serve"], environ)
        address = new.wait_for_line(r"^lrtune serving on (\S+)$", 60)[1]
        ready = httpx2.get(f"{address}/readyz")
        assert (ready.status_code, ready.json()["schema"], ready.json()["writer"]) == (503, "outdated", "standby")
        assert httpx2.get(f"{address}/healthz").status_code == 200
        with old.read() as connection:
            assert upgrade.versions(connection).lrtune == _BEFORE
    finally:
        old.close()
    deadline = time.monotonic() + 60
    while (ready := httpx2.get(f"{address}/readyz")).status_code != 200:
        assert time.monotonic() < deadline, new
        time.sleep(POLL_SECONDS)
    assert ready.json()["schema"] == "current"


def _commands(page: Path) -> list[str]:
    """The lines of the page's blocks."""
    return [line.strip() for line in page.read_text().splitlines() if line.startswith("    ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_pages_name_parts_and_files_that_there_are(page: Path) -> None:
    parts = load().keys()
    docker = [line for line in _commands(page) if line.startswith("docker compose")]
    assert docker
    for line in docker:
        words = re.sub(r"--scale (\w+)=\d+", r"\1", line).split()
        for word in words[3:]:
            if word in ("lrtune", "python", "dropdb", "createdb", ">"):
                break
            if not word.startswith("-") and not word.endswith(".yml") and word not in ("up", "config"):
                assert word in parts, line
    for line in _commands(page):
        for path in re.findall(r"\bdeploy/[\w/.-]+", line):
            assert (ROOT / path).exists(), line
