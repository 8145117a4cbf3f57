"""What shells complete: in real ones, and what it costs."""

import os
import pty
import re
import select
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import httpx2
import pytest

from lrtune.service.cli import completion
from lrtune.service.cli.main import COMMANDS
from lrtune.service.wire import methods
from lrtune.service.wire.schedules import SCHEDULES
from tests.fake_service import STUDY, FakeService, listening, problem

ROOT = Path(__file__).parents[2]
KEYS_SECONDS = 60.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With this `lrtune` on the path, and a home of its own."""
    program = tmp_path / "bin" / "lrtune"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m lrtune.service.cli.main "$@"\n')
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LRTUNE_")}
    path = f"{program.parent}{os.pathsep}{kept['PATH']}"
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "TERM": "dumb"}


def completed(line: str, environment: dict[str, str], **more: str) -> list[str]:
    """What bash would be given for a line that ends at the cursor."""
    words = line.split(" ")
    asked = {"_LRTUNE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    ran = subprocess.run(
        ["lrtune"], env={**environment, **asked, **more}, capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stderr == ""
    return ran.stdout.split()


def offered_at_last(line: str, environment: dict[str, str]) -> list[str]:
    """The same, asked again while nothing is offered: on a busy machine a service may take too long to answer."""
    return next((found for _ in range(20) if (found := completed(line, environment))), [])


def typed(shell: list[str], setup: str, keys: str, wanted: str, environment: dict[str, str]) -> str:
    """What a terminal shows once `wanted` is there, after those keys in an interactive shell."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(shell[0], shell, environment)
    shown = ""
    try:
        for sent in (f"{setup}; echo ready-$((40 + 2))\n", keys):
            os.write(terminal, sent.encode())
            expected = "ready-42" if sent is not keys else wanted
            deadline, shown = time.monotonic() + KEYS_SECONDS, ""
            while not re.search(expected, shown) and time.monotonic() < deadline:
                if select.select([terminal], [], [], 0.1)[0]:
                    shown += os.read(terminal, 65536).decode(errors="replace")
    finally:
        os.kill(process, 9)
        os.waitpid(process, 0)
        os.close(terminal)
    return shown


def test_bash_completes_commands_options_and_choices(environment: dict[str, str]) -> None:
    setup = 'eval "$(_LRTUNE_COMPLETE=source_bash lrtune)"'
    bash = ["bash", "--norc", "--noprofile", "-i"]
    assert "lrtune suggest" in typed(bash, setup, "lrtune sug\t", "lrtune suggest", environment)
    shown = typed(bash, setup, "lrtune study create s --sampler q\t", "--sampler qmc", environment)
    assert "--sampler qmc" in shown


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh: apt install zsh")
def test_zsh_completes(environment: dict[str, str]) -> None:
    setup = 'autoload -Uz compinit; compinit -u; eval "$(_LRTUNE_COMPLETE=source_zsh lrtune)"'
    shown = typed(["zsh", "-f", "-i"], setup, "lrtune sug\t", "lrtune suggest|suggest", environment)
    assert "suggest" in shown


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish: apt install fish")
def test_fish_completes(environment: dict[str, str]) -> None:
    script = '_LRTUNE_COMPLETE=source_fish lrtune | source; complete --do-complete "lrtune study create s --pruner w"'
    ran = subprocess.run(["fish", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == ["wilcoxon"], ran.stderr


def test_powershell_is_given_words_with_what_they_are(environment: dict[str, str]) -> None:
    asked = {"_LRTUNE_COMPLETE": "complete_powershell", "_TYPER_COMPLETE_ARGS": "lrtune sug"}
    ran = subprocess.run(
        ["lrtune"],
        env={**environment, **asked, "_TYPER_COMPLETE_WORD_TO_COMPLETE": "sug"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.strip() == "suggest:::What learning rate to train with."


def test_every_command_is_offered(environment: dict[str, str]) -> None:
    assert completed("lrtune ", environment) == list(COMMANDS)
    assert {"create", "list", "show"} <= set(completed("lrtune study ", environment))


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lrtune study create s --sa", ["--sampler"]),
        ("lrtune study create s --sampler ", list(completion.SAMPLERS)),
        ("lrtune study create s --pruner m", ["median"]),
        ("lrtune study create s --direction m", ["minimize", "maximize"]),
        ("lrtune study trials s --state f", ["failed"]),
        ("lrtune find --optimizer schedule", ["schedule_free"]),
        ("lrtune worker --task digits", ["digits", "digits-cnn"]),
        ("lrtune token create --role ", ["viewer", "worker", "admin"]),
        ("lrtune schedule cosine ", list(completion.SCHEDULES)),
        ("lrtune db upgrade --st", ["--storage"]),
    ],
)
def test_options_and_choices_are_offered(environment: dict[str, str], line: str, offered: list[str]) -> None:
    assert completed(line, environment) == offered


def test_what_is_offered_is_what_there_is() -> None:
    optimizers = pytest.importorskip("lrtune.trainers.optimizers.build").OPTIMIZERS
    assert _names(methods.Sampler) == completion.SAMPLERS
    assert (*completion.PRUNERS, "threshold") == (*(n for n in _names(methods.Pruner) if n != "threshold"), "threshold")
    assert tuple(optimizers) == completion.OPTIMIZERS
    assert tuple(SCHEDULES) == completion.SCHEDULES


def _names(union: object) -> tuple[str, ...]:
    kinds = get_args(get_args(union)[0])
    return tuple(get_args(kind.model_fields["name"].annotation)[0] for kind in kinds)


def test_studies_of_the_service_are_offered(environment: dict[str, str]) -> None:
    service = FakeService()
    names = ["cifar-10", "cifar-100", "digits"]
    page = {"items": [{**STUDY, "name": name} for name in names], "next_cursor": None}
    service.fault = lambda request: httpx2.Response(200, json=page) if request.url.path == "/v1/studies" else None
    with listening(service) as address:
        environment = {**environment, "LRTUNE_SERVER": address}
        for line in ("lrtune study show cif", "lrtune worker --study cif", "lrtune suggest cif"):
            assert offered_at_last(line, environment) == ["cifar-10", "cifar-100"]
        environment["LRTUNE_SERVER"] = "http://127.0.0.1:1"
        assert offered_at_last(f"lrtune study show --server {address} d", environment) == ["digits"]


def test_nothing_is_said_where_the_service_refuses_or_is_away(environment: dict[str, str]) -> None:
    service = FakeService()
    service.fault = lambda _: problem(401, "token-refused")
    with listening(service) as address:
        assert completed("lrtune study show ", environment, LRTUNE_SERVER=address) == []
        assert completed("lrtune study show ", environment, LRTUNE_SERVER=address, LRTUNE_TOKEN="none") == []
    for server in ("http://127.0.0.1:1", "nonsense", "local:none.db"):
        assert completed("lrtune study show ", environment, LRTUNE_SERVER=server) == []


def test_nobody_waits_for_a_service_that_does_not_answer(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        assert completed("lrtune study show ", environment, LRTUNE_SERVER=address) == []
    assert time.monotonic() - began < 20, "much less than a retry takes"


def test_studies_in_a_file_are_offered_without_an_engine(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "mine.db"
    with sqlite3.connect(file) as database:
        database.execute("create table studies (study_id integer primary key, study_name text)")
        database.executemany("insert into studies (study_name) values (?)", [("cifar-10",), ("ci_far",), ("digits",)])
    assert completed("lrtune study show c", environment, LRTUNE_SERVER=f"local:{file}") == ["ci_far", "cifar-10"]
    assert completed("lrtune study show cifar", environment, LRTUNE_SERVER=f"sqlite:///{file}") == ["cifar-10"]
    assert [path.name for path in tmp_path.glob("mine*")] == ["mine.db"]


@pytest.mark.parametrize(
    "line", ["lrtune ", "lrtune study ", "lrtune worker --", "lrtune find --optimizer ", "lrtune study create s --s"]
)
def test_nothing_heavy_is_imported_for_it(environment: dict[str, str], line: str) -> None:
    program = (
        "import atexit, sys; from lrtune.service.cli.main import main; heavy = ('torch', 'numpy', 'optuna', "
        "'fastapi', 'sqlalchemy', 'httpx2', 'matplotlib'); atexit.register("
        "lambda: print('|', *sorted({*heavy} & {*sys.modules}))); "
        "sys.argv = ['lrtune']; main()"
    )
    words = {"_LRTUNE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    ran = subprocess.run(
        [sys.executable, "-c", program], env={**environment, **words}, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.split("|")[1].split() == [], ran.stderr


def test_it_is_installed_by_the_command_itself(environment: dict[str, str], tmp_path: Path) -> None:
    shown = subprocess.run(
        ["bash", "--norc", "-c", "lrtune --show-completion; true"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "complete -o default -F _lrtune_completion lrtune" in shown.stdout
    subprocess.run(
        ["bash", "--norc", "-c", "lrtune --install-completion; true"], env=environment, timeout=60, check=True
    )
    assert (tmp_path / ".bash_completions" / "lrtune.sh").is_file()
    assert "lrtune.sh" in (tmp_path / ".bashrc").read_text()
