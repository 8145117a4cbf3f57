"""Runs the pages of docs/start, and some of docs/how-to, as a reader would, step by step, in an empty folder.

    python -m tests.docs.walk_through [PAGE ...]

runs them and writes what was printed and drawn into the pages and docs/pictures.

A page is Markdown with four kinds of blocks: `console`, commands after `$ ` with what they print; `sh`, a service to
start in another terminal; `python`, a snippet, or a file where its first line is `# NAME.py`; and `text`, what the
snippet before it prints.
"""

import logging
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lrtune.service.cli.main import main
from tests.docs.pages import DOCS, ROOT
from tests.support.processes import Programs

PICTURES = DOCS / "pictures"
FIRST_STUDY = DOCS / "start" / "first-study.md"
WITHOUT_SERVICE = DOCS / "how-to" / "without-a-service.md"
LEARNING_RATES = DOCS / "start" / "learning-rates.md"
SHORT = (FIRST_STUDY, WITHOUT_SERVICE, DOCS / "how-to" / "noisy-loss.md", DOCS / "how-to" / "lora.md")
"""Pages with few steps."""

WIDTH = "100"
START_SECONDS = 60

_BLOCK = re.compile(r"^```(console|sh|python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_BOX = re.compile(r"[\u2500-\u257f]+")
_NUMBER = re.compile(r"\d+(?:[.,:-]\d+)*(?:e[+-]?\d+)?")
_IGNORED = re.compile(r"# loss(es)? far from those around (it was|them were) ignored\.")


@dataclass(frozen=True)
class Step:
    """Something to do, and what the page says it prints."""

    kind: str
    """command, serve, file or snippet."""
    text: str
    prints: str
    start: int
    end: int
    """Where `prints` is in the page."""


def steps(page: str) -> list[Step]:
    """The steps of a page, in order."""
    found: list[Step] = []
    for block in _BLOCK.finditer(page):
        language, text, start = block[1], block[2], block.start(2)
        if language == "console":
            found += _commands(text, start)
        elif language == "text":
            snippet = found.pop()
            found.append(Step(snippet.kind, snippet.text, text, start, block.end(2)))
        else:
            kind = "serve" if language == "sh" else "file" if re.match(r"# \w+\.py\n", text) else "snippet"
            found.append(Step(kind, text, "", block.end(2), block.end(2)))
    return found


def _commands(text: str, start: int) -> Iterator[Step]:
    command = re.compile(r"^\$ ((?:.*\\\n)*.*\n)((?:(?!\$ ).*\n)*)", re.MULTILINE)
    for found in command.finditer(text):
        yield Step("command", found[1], found[2], start + found.start(2), start + found.end(2))


class Reader:
    """Somebody at a terminal in `folder`, whose Python session stays open."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        self.folder = folder
        self._programs = programs
        self._session: dict[str, Any] = {"__name__": "__main__"}

    def do(self, step: Step) -> str:
        """What the step prints, on both outputs."""
        if step.kind == "serve":
            self._serve(step.text)
        elif step.kind == "file":
            (self.folder / step.text.splitlines()[0].removeprefix("# ")).write_text(step.text)
        elif step.kind == "command":
            with _printed() as out:
                self._run(shlex.split(step.text.replace("\\\n", "")))
            return out.getvalue()
        else:
            with _printed() as out:
                exec(compile(step.text, "snippet", "exec"), self._session)
            return out.getvalue()
        return ""

    def _run(self, words: list[str]) -> None:
        assert words[0] == "lrtune", words
        before, sys.argv = sys.argv, words
        try:
            with suppress(SystemExit):
                main()
        finally:
            sys.argv = before

    def _serve(self, text: str) -> None:
        assert text.split() == ["lrtune", "serve"], text
        environ = os.environ | {
            "LRTUNE_PORT": "0",
            "LRTUNE_STORAGE": f"sqlite:///{self.folder}/lrtune.db",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        service = self._programs.start([sys.executable, "-m", "lrtune.service.cli.main", "serve"], environ)
        said = service.wait_for_line(r"^lrtune serving on (http://\S+)$", START_SECONDS)
        os.environ["LRTUNE_SERVER"] = said[1]


@contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    """A reader in `folder`; the process is as before afterwards, and the service has ended."""
    environ, path, here, modules = dict(os.environ), list(sys.path), Path.cwd(), set(sys.modules)
    for name in [name for name in os.environ if name.startswith("LRTUNE_")]:
        del os.environ[name]
    os.environ["COLUMNS"] = WIDTH
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    try:
        with Programs(folder.with_name(f"{folder.name}-programs")) as programs:
            yield Reader(folder, programs)
    finally:
        os.chdir(here)
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environ)
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


@contextmanager
def _printed() -> Iterator[StringIO]:
    """Both outputs in one, as in a terminal; logging as in a new process."""
    root, out = logging.getLogger(), StringIO()
    handlers, level = root.handlers, root.level
    root.handlers = []
    try:
        with redirect_stdout(out), redirect_stderr(out), patch("lrtune.service.cli.progress._say_on_stderr"):
            yield out  # Without what slow commands say of themselves: how many are slow hangs on the machine.
    finally:
        root.handlers = handlers
        root.setLevel(level)


def pictures(page: str) -> list[str]:
    """The names of the pictures that a page shows."""
    return re.findall(r"\]\((?:\.\./|docs/)pictures/([\w-]+\.png)\)", page)


def words(text: str) -> list[str]:
    """Without numbers and what depends on them: lines of tables, where text is wrapped, losses that were ignored."""
    told = " ".join(_NUMBER.sub("#", _BOX.sub(" ", text)).split())
    return _IGNORED.sub("", told).split()


def rewritten(page: str, folder: Path) -> str:
    """The page with what its commands print now; the pictures are left in `folder`."""
    with reading(folder) as reader:
        done = [(step, reader.do(step)) for step in steps(page)]
    for step, printed in reversed(done):
        if step.kind in ("command", "snippet"):
            page = page[: step.start] + printed + page[step.end :]
    return page


def _write(path: Path) -> None:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "reader"
        folder.mkdir()
        page = rewritten(path.read_text(), folder)
        PICTURES.mkdir(exist_ok=True)
        for name in pictures(page):
            shutil.copyfile(folder / name, PICTURES / name)
    path.write_text(page)


if __name__ == "__main__":
    for chosen in [Path(name) for name in sys.argv[1:]] or [*SHORT, LEARNING_RATES]:
        _write(chosen)
