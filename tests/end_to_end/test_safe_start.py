"""A service process that others reach: it says loudly what it lets happen, until there is a token."""

import json
import sys
from pathlib import Path

import httpx2
import pytest

from tests.end_to_end.conftest import START_SECONDS, environ
from tests.support.processes import Program, Programs

COMMAND = [sys.executable, "-m", "lrtune.service.cli.main", "serve", "--host", "0.0.0.0", "--port", "0"]
LOUD = r"^lrtune: INSECURE: whoever reaches 0\.0\.0\.0 may read, change and delete every study"


def started(programs: Programs, folder: Path, *options: str, **variables: str) -> tuple[Program, str]:
    """The program and its address."""
    env = environ(LRTUNE_STORAGE=f"sqlite:///{folder}/lrtune.db", **variables)
    program = programs.start([*COMMAND, *options], env)
    port = program.wait_for_line(r"^lrtune serving on http://0\.0\.0\.0:(\d+)$", START_SECONDS)[1]
    return program, f"http://127.0.0.1:{port}"


def is_insecure(address: str) -> bool:
    """As a stranger is told."""
    return bool(json.loads(httpx2.get(f"{address}/readyz").text).get("insecure", False))


@pytest.mark.slow
def test_an_insecure_service_says_so_at_every_start_and_when_asked_until_there_is_a_token(
    programs: Programs, tmp_path: Path
) -> None:
    for option, variables in (("--insecure", {}), ("--dashboard", {"LRTUNE_INSECURE": "true"})):
        program, address = started(programs, tmp_path, option, **variables)
        program.wait_for_line(LOUD, 5)
        assert "level='warning' logger='lrtune.service.server' event='INSECURE: " in program.stderr
        assert is_insecure(address)
        assert httpx2.get(f"{address}/v1/studies").status_code == 200
        if variables:
            made = httpx2.post(f"{address}/v1/tokens", json={"role": "admin"})
            assert made.status_code == 201
            assert httpx2.get(f"{address}/v1/studies").status_code == 401
            assert not is_insecure(address)
        assert program.terminate(15) == 0

    program, address = started(programs, tmp_path, "--insecure")
    program.wait_for_line("--insecure .* changes nothing here", 5)
    assert not is_insecure(address)
    assert httpx2.get(f"{address}/v1/studies").status_code == 401
    program.terminate(15)

    program, address = started(programs, tmp_path)  # There is a token: nothing more is to be said.
    assert httpx2.get(f"{address}/v1/studies").status_code == 401
    assert "insecure" not in program.stdout.lower()
    holder = {"Authorization": f"Bearer {made.json()['secret']}"}
    assert httpx2.get(f"{address}/v1/studies", headers=holder).status_code == 200
