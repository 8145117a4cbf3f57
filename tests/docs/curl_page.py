"""Runs docs/how-to/curl.md as a reader would: its commands in one shell, its files beside them.

    python -m tests.docs.curl_page

runs it and writes what was printed into the page.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import DOCS, ROOT
from tests.support.processes import Programs

PAGE = DOCS / "how-to" / "curl.md"
TIMEOUT_SECONDS = 60

_BLOCK = re.compile(r"^```(console|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_BETWEEN = "\x1e"
_LEASE = re.compile(r'"lease":"[^"]*"')


@dataclass(frozen=True)
class Command:
    """A command, what the page says it prints, and where that is in the page."""

    text: str
    prints: str
    start: int
    end: int


def commands(page: str) -> list[Command]:
    """The commands of a page, in order."""
    return [
        Command(found[1], found[2], block.start(2) + found.start(2), block.start(2) + found.end(2))
        for block in _BLOCK.finditer(page)
        if block[1] == "console"
        for found in _COMMAND.finditer(block[2])
    ]


def files(page: str) -> dict[str, str]:
    """The scripts of a page by their names, which their first lines tell."""
    blocks = [block[2] for block in _BLOCK.finditer(page) if block[1] == "sh"]
    return {block.splitlines()[0].removeprefix("# "): block for block in blocks}


def printed(page: str, folder: Path, server: str) -> list[str]:
    """What each command prints, one after the other in one shell in `folder`."""
    for name, text in files(page).items():
        (folder / name).write_text(text)
    script = f"printf '\\{ord(_BETWEEN):03o}'\n".join(f"{command.text}\n" for command in commands(page))
    return run_script(script, folder, LRTUNE_SERVER=server).split(_BETWEEN)


def run_script(script: str, folder: Path, **variables: str) -> str:
    """What a script of the shell prints on both outputs. It has to succeed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LRTUNE_")}
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=kept | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def shown(text: str) -> str:
    """What a command printed, as the page has it: without the lease, and with an end of its last line."""
    text = _LEASE.sub('"lease":"…"', text)
    return text if not text or text.endswith("\n") else f"{text}\n"


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """The address of a service with a database of its own in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LRTUNE_")}
    environ = kept | {
        "LRTUNE_STORAGE": f"sqlite:///{folder}/lrtune.db",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "lrtune.service.cli.main", "serve", "--port", "0", *options]
    with Programs(folder / "programs") as programs:
        yield programs.start(command, environ).wait_for_line(r"^lrtune serving on (http://\S+)$", TIMEOUT_SECONDS)[1]


def rewritten(page: str, folder: Path, server: str) -> str:
    """The page with what its commands print now."""
    for command, text in reversed(list(zip(commands(page), printed(page, folder, server), strict=True))):
        page = page[: command.start] + shown(text) + page[command.end :]
    return page


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made, serving(Path(made)) as address:
        PAGE.write_text(rewritten(PAGE.read_text(), Path(made), address))
