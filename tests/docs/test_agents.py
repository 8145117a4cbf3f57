"""The page docs/how-to/agents.md: its configuration starts a server, its agent searches, its table names all tools."""

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.docs.pages import DOCS, ROOT
from tests.docs.walk_through import steps
from tests.end_to_end.conftest import START_SECONDS, environ
from tests.support.processes import Programs

mcp = pytest.importorskip("mcp", reason="mcp is not installed (pip install 'lrtune[mcp]')")

from lrtune.service.cli.commands.mcp.tools.catalogue import TOOLS  # noqa: E402

PAGE = (DOCS / "how-to" / "agents.md").read_text()
STEPS = steps(PAGE)
CONFIGURATION = re.findall(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which `lrtune` and `python` are this checkout's."""
    python = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)}"
    for name, runs in (("lrtune", f"{python} -m lrtune.service.cli.main"), ("python", python)):
        (tmp_path / name).write_text(f'#!/bin/sh\n{runs} "$@"\n')
        (tmp_path / name).chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def test_the_configuration_of_the_page_starts_a_server_of_the_tools(path: str) -> None:
    (configured,) = (json.loads(block) for block in CONFIGURATION)
    given = configured["mcpServers"]["lrtune"]
    given["env"]["PATH"] = path

    async def names() -> list[str]:
        async with mcp.Client(mcp.StdioServerParameters(**given), read_timeout_seconds=60) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert anyio.run(names) == list(TOOLS)


def test_the_agent_of_the_page_finds_what_the_page_says(path: str, tmp_path: Path) -> None:
    (file,) = (step for step in STEPS if step.kind == "file")
    (command,) = (step for step in STEPS if step.kind == "command" and "agent.py" in step.text)
    folder = tmp_path / "reader"
    folder.mkdir()
    (folder / "agent.py").write_text(file.text)
    with Programs(tmp_path / "programs") as programs:
        ran = programs.start(["sh", "-c", command.text], environ(PATH=path), cwd=folder)
        assert ran.wait(60) == 0, ran
    assert ran.stdout == command.prints


def test_the_command_of_the_page_serves_over_http(path: str, tmp_path: Path) -> None:
    (command,) = (step for step in STEPS if step.kind == "command" and "--http" in step.text)
    port = "127.0.0.1:8081"
    assert port in command.text
    with Programs(tmp_path / "programs") as programs:
        served = programs.start(["sh", "-c", f"exec {command.text.replace(port, '127.0.0.1:0')}"], environ(PATH=path))
        place = served.wait_for_line(r"^lrtune mcp serving on http://(127\.0\.0\.1:\d+)/mcp$", START_SECONDS)[1]
        assert served.stdout.replace(place, port) == command.prints
        assert served.terminate(20) == 0, served


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_in_the_table_of_the_page_with_what_it_spends(name: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith("| `") and f"`{name}`" in line.split("|")[1])
    annotations: Any = TOOLS[name].hints
    assert ("**" in row) is annotations.destructive_hint
    if annotations.read_only_hint:
        assert row.rstrip(" |").endswith("nothing")
