import json
import re
import subprocess
import sys

import pytest

from lrtune.service.cli.main import COMMANDS, remedy_for
from tests.cli.conftest import Lrtune


def test_help_names_every_command(lrtune: Lrtune) -> None:
    ran = lrtune("--help")
    assert ran.code == 0
    for command in COMMANDS:
        assert f" {command} " in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["worker"], ["--server", "--study", "--task", "--concurrency", "LRTUNE_SERVER", "LRTUNE_STUDY"]),
        (["demo"], ["--keep", "--check", "--folder"]),
        (["study"], ["create", "list", "show", "delete"]),
        (["study", "create"], ["--spec", "--low", "--max-trials", "--param", "--sampler", "--json"]),
        (["study", "list"], ["--json", "--server"]),
        (["study", "show"], ["--json", "--server"]),
        (["study", "delete"], ["--yes", "--json"]),
        (["suggest"], ["--json", "--server"]),
    ],
)
def test_each_command_explains_its_options(lrtune: Lrtune, arguments: list[str], words: list[str]) -> None:
    ran = lrtune(*arguments, "--help")
    assert ran.code == 0
    for word in words:
        assert word in ran.out


@pytest.mark.parametrize("command", [["worker"], ["find"]])
def test_explanations_fill_the_width_of_the_terminal(lrtune: Lrtune, command: list[str]) -> None:
    above = lrtune(*command, "--help").out.split("╭")[0]
    paragraphs = [part.split("\n") for part in re.split(r"\n\s*\n", above.strip()) if "\n" in part]
    assert paragraphs
    for lines in paragraphs:
        assert all(len(line.strip()) > 90 for line in lines[:-1]), lines


def test_an_unknown_command_is_refused(lrtune: Lrtune) -> None:
    ran = lrtune("studdy")
    assert ran.code == 2
    assert "No such command 'studdy'. Did you mean 'study'?" in ran.err


@pytest.mark.parametrize(
    ("package", "extra"), [("fastapi", "service"), ("sqlalchemy.orm", "service"), ("torch", "trainers")]
)
def test_a_missing_extra_is_named_with_its_remedy(package: str, extra: str) -> None:
    remedy = remedy_for(ModuleNotFoundError(name=package))
    assert remedy is not None
    assert f"pip install 'lrtune[{extra}]'" in remedy
    assert remedy_for(ModuleNotFoundError(name="something_else")) is None


def test_a_command_without_its_extra_ends_in_one_line(lrtune: Lrtune, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")

    monkeypatch.setattr("lrtune.service.cli.lazy.import_module", missing)
    ran = lrtune("serve")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "lrtune: this command needs uvicorn: pip install 'lrtune[service]'\n"


@pytest.mark.parametrize("command", [["--help"], ["worker", "--help"], ["study", "create", "--help"]])
def test_the_command_starts_without_anything_heavy(command: list[str]) -> None:
    code = (
        "import sys, json, io, contextlib\n"
        f"sys.argv = ['lrtune', *{command!r}]\n"
        "from lrtune.service.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    loaded = set(json.loads(subprocess.check_output([sys.executable, "-c", code])))
    assert not loaded & {"torch", "numpy", "sklearn", "fastapi", "sqlalchemy", "optuna", "matplotlib"}


def test_a_command_of_a_group_is_found_by_its_name_alone(lrtune: Lrtune) -> None:
    ran = lrtune("trials")
    assert ran.code == 2
    assert "Did you mean `lrtune study trials`?" in " ".join(ran.err.replace("│", " ").split())
    assert "Did you mean" not in lrtune("nonsense").err
