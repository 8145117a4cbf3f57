"""`bench newcomer`: from `pip install` to the first suggestion, as docs/start/first-study.md has it."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from tests.benchmarks.command_line import Quick, fail, markdown, measuring, say
from tests.benchmarks.processes import BenchError
from tests.docs.pages import ROOT
from tests.docs.walk_through import FIRST_STUDY, steps

PAGE_SECONDS = 300.0
TYPED_LINES = 12
IMPORT_SECONDS = 0.1
COMPLETION_SECONDS = 0.3
SIDES = 7
"""Fresh processes whose median counts; those before the first have read the files from the disk."""


def newcomer(
    here: Annotated[bool, typer.Option("--here", help="Without the installation.")] = False,
    quick: Quick = False,
) -> None:
    """How long does it take to the first suggestion, and how many lines are typed?

    Makes an environment, installs this checkout with the page's command and constraints.txt, and runs the page's
    script. Then how long `import lrtune` takes, and the names of commands after a Tab. Ends with code 1 where one takes
    longer than it may. docs/reference/benchmarks.md says more.
    """
    with measuring(), tempfile.TemporaryDirectory(prefix="lrtune-newcomer-") as made:
        folder = Path(made)
        rows = [] if quick or here else [_page(folder)]
        rows += [_typed(), _imported(1 if quick else SIDES), _completed(1 if quick else SIDES)]
    print(markdown(("what", "found", "must be", ""), [row[:4] for row in rows]))
    if not quick and any(row[3] == "FAILS" for row in rows):
        raise typer.Exit(1)


def typed_lines() -> list[str]:
    """What the page has its reader type, up to the first suggestion."""
    page = FIRST_STUDY.read_text()
    script = steps(page)[0]
    above = page[: script.start].split("```python")[0]
    installation = [line.strip() for line in above.splitlines() if line.startswith("    ")]
    return [*installation, *(line for line in script.text.splitlines() if line.strip()), "python first.py"]


def _page(folder: Path) -> tuple[str, str, str, str]:
    install, *_ = typed_lines()
    if not install.startswith("pip install 'lrtune["):
        fail(f"the page begins with {install!r}, not with an installation")
    extras = install.split("[")[1].split("]")[0]
    say("making an environment")
    _run([sys.executable, "-m", "venv", str(folder / "venv")])
    python = str(folder / "venv" / "bin" / "python")
    say(f"pip install 'lrtune[{extras}]'")
    installing = _seconds([python, "-m", "pip", "install", "-qq", *_constrained(f"{ROOT}[{extras}]")])
    (folder / "first.py").write_text(steps(FIRST_STUDY.read_text())[0].text)
    say("python first.py")
    began = time.perf_counter()
    printed = _run([python, "first.py"], cwd=folder)
    script = time.perf_counter() - began
    if "suggested learning_rate=" not in printed:
        raise BenchError(f"the script suggested nothing: {printed[-200:]}")
    whole = installing + script
    found = f"{whole:.0f} s: {installing:.0f} s to install, {script:.0f} s to the suggestion"
    return "the first page", found, f"≤ {PAGE_SECONDS:g} s", _verdict(whole <= PAGE_SECONDS)


def _constrained(what: str) -> Sequence[str]:
    return ("--disable-pip-version-check", "-c", str(ROOT / "constraints.txt"), what)


def _typed() -> tuple[str, str, str, str]:
    lines = len(typed_lines())
    return "lines typed", str(lines), f"≤ {TYPED_LINES}", _verdict(lines <= TYPED_LINES)


def _imported(times: int) -> tuple[str, str, str, str]:
    code = "import time; began = time.perf_counter(); import lrtune; print(time.perf_counter() - began)"
    _run([sys.executable, "-c", code])
    took = median(float(_run([sys.executable, "-c", code])) for _ in range(times))
    return (
        "`import lrtune`",
        f"{1000 * took:.0f} ms",
        f"≤ {1000 * IMPORT_SECONDS:g} ms",
        _verdict(took <= IMPORT_SECONDS),
    )


def _completed(times: int) -> tuple[str, str, str, str]:
    environ = {"_LRTUNE_COMPLETE": "complete_bash", "COMP_WORDS": "lrtune ", "COMP_CWORD": "1"}
    command = [str(Path(sys.executable).with_name("lrtune"))]
    _run(command, environ)
    took = median(_seconds(command, environ) for _ in range(times))
    must = f"≤ {1000 * COMPLETION_SECONDS:g} ms"
    return "`lrtune`, Tab", f"{1000 * took:.0f} ms", must, _verdict(took <= COMPLETION_SECONDS)


def _seconds(command: Sequence[str], environ: Mapping[str, str] | None = None) -> float:
    began = time.perf_counter()
    _run(command, environ)
    return time.perf_counter() - began


def _run(command: Sequence[str], environ: Mapping[str, str] | None = None, *, cwd: Path | None = None) -> str:
    try:
        ran = subprocess.run(
            command,
            env=os.environ | (environ or {}),
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise BenchError(f"{command[0]} did not end in half an hour") from late
    if ran.returncode:
        raise BenchError(f"{' '.join(command[:4])} ended with code {ran.returncode}: {ran.stderr[-500:]}")
    return ran.stdout + ran.stderr


def _verdict(holds: bool) -> str:
    return "holds" if holds else "FAILS"
