"""What a command prints and cannot be written is one line, wherever it is noticed: in printing, or at the end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "print": "print('x' * size)",
    "rich": "from rich.console import Console; Console().print('\\n'.join(['x' * 50] * (size // 50 + 1)))",
    "echo": "import typer; typer.echo('x' * size)",
    "binary": "import sys; sys.stdout.buffer.write(b'x' * size); sys.stdout.buffer.flush()",
    "export": "from lrtune.service.cli.commands.study.exporting.target import target\n"
    "    with target(None) as to: to.write(b'x' * size)",
}


def _program(how: str, size: int) -> list[str]:
    code = (
        "import sys\nimport lrtune.service.cli.main as cli\nimport typer\n"
        "app = typer.Typer(pretty_exceptions_enable=False)\n"
        f"@app.command()\ndef said() -> None:\n    size = {size}\n    {COMMANDS[how]}\n"
        "sys.argv = ['lrtune']\ncli.app = app\ncli.main()"
    )
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("how", COMMANDS)
def test_output_that_finds_no_room_is_one_line(tmp_path: Path, how: str, size: int) -> None:
    limited = ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *_program(how, size)]
    with (tmp_path / "out").open("wb") as out:
        ran = subprocess.run(limited, stdout=out, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (1, "lrtune: standard output: File too large\n")


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("how", COMMANDS)
def test_a_reader_that_has_enough_is_nothing_to_tell_of(how: str, size: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = subprocess.run(
            _program(how, size), stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    finally:
        os.close(writing)
    assert (ran.returncode, ran.stderr) == (1, "")


def test_an_error_of_another_file_is_not_taken_for_one_of_the_output() -> None:
    program = _program("print", 10)
    program[-1] = program[-1].replace("print('x' * size)", "raise OSError(28, 'No space left on device', 'other')")
    ran = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" in ran.stderr
    assert "standard output" not in ran.stderr


@pytest.mark.parametrize("how", COMMANDS)
def test_what_finds_room_is_all_written(how: str) -> None:
    ran = subprocess.run(_program(how, 100_000), capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.replace("\n", "").rstrip("x") == ""
    assert ran.stdout.count("x") >= 100_000
    assert ran.stderr == ""


def test_an_unbuffered_python_stays_unbuffered() -> None:
    program = _program("print", 10)
    program[-1] = program[-1].replace("print('x' * size)", "print('x' * size); import os; os._exit(0)")
    program.insert(1, "-u")
    ran = subprocess.run(program, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "x" * 10 + "\n"
