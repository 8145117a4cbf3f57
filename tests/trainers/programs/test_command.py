"""Placeholders and variables: what a program is told of its trial."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lrtune import Client
from lrtune.service.wire.trials import LeasedTrial as Leased
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import TaskError
from lrtune.trainers.programs.command import command_of
from lrtune.trainers.programs.program import Options, Program
from lrtune.trainers.programs.variables import environment_of, values_of
from tests.fake_service import FakeService
from tests.trainers.programs.conftest import study

NAMES = ["learning_rate", "momentum", "max_steps", "trial"]
VALUES = {"learning_rate": "0.1", "max_steps": "3", "trial": "7"}


def filled(*arguments: str) -> list[str]:
    return command_of(["sh", *arguments], NAMES).filled(VALUES)[1:]


def test_placeholders_are_filled_wherever_they_stand() -> None:
    assert filled("--lr", "{learning_rate}", "--out=run-{trial}/{max_steps}") == ["--lr", "0.1", "--out=run-7/3"]


def test_doubled_braces_are_braces() -> None:
    assert filled('{{"rate": {learning_rate}}}', "{{trial}}") == ['{"rate": 0.1}', "{trial}"]


def test_no_shell_looks_at_a_value() -> None:
    command = command_of(["sh", "{momentum}"], NAMES)
    assert command.filled({"momentum": "$(rm -rf /) 'a b'"}) == ["sh", "$(rm -rf /) 'a b'"]


def test_the_argument_of_a_parameter_that_the_trial_lacks_is_left_out_with_its_flag() -> None:
    assert filled("--momentum", "{momentum}", "--lr", "{learning_rate}") == ["--lr", "0.1"]
    assert filled("--momentum={momentum}", "-m", "{momentum}", "end") == ["end"]
    assert filled("first", "{momentum}", "{momentum}") == ["first"]
    assert filled("--keep", "x{momentum}") == ["--keep"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sh", "{rate}"], "there is no placeholder {rate}: use {learning_rate}, {momentum}, {max_steps}, {trial}"),
        (["sh", "{ learning_rate }"], "a brace in '{ learning_rate }' belongs to no placeholder: write {name}"),
        (["awk", "{print $1}"], "{{ and }} for braces"),
        (["sh", "{resume_uri}"], "{resume_uri} goes with --resumable"),
        (["no-such-program-here"], "there is no program 'no-such-program-here' on the PATH: give its path from"),
        (["train.sh"], "there is no program 'train.sh' on the PATH: write ./train.sh for the one here"),
        (["./none.sh"], "there is no program ./none.sh: give its path from"),
        (["./train.sh"], "./train.sh may not be run: chmod +x ./train.sh, or name what runs it, as in `-- sh ./train"),
        (["./folder"], "./folder is a folder: give the path of a program"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.sh").write_text("echo")
    (tmp_path / "folder").mkdir()
    with pytest.raises(TaskError) as refused:
        command_of(arguments, NAMES)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def leased(**changes: Any) -> LeasedTrial:
    answer = Leased.model_validate(
        {
            **{"number": 7, "attempt": 2, "lease": "a", "lease_ttl_seconds": 60.0, "max_steps": 3, "resume": None},
            "params": {"learning_rate": 3e-5, "size.a": 64, "nesterov": True, "optimizer": "sgd", "clip": None},
        }
        | changes
    )
    return LeasedTrial(answer, None)  # type: ignore[arg-type]  # What it is told does not call.


def test_values_are_written_as_in_json_and_text_as_it_is() -> None:
    assert values_of(leased(), "mine") == {
        **{"study": "mine", "trial": "7", "attempt": "2", "max_steps": "3", "resume_uri": "", "resume_step": "0"},
        **{"learning_rate": "3e-05", "size.a": "64", "nesterov": "true", "optimizer": "sgd", "clip": "null"},
    }
    resumed = values_of(leased(resume={"uri": "file:///a", "step": 2}), "mine")
    assert (resumed["resume_uri"], resumed["resume_step"]) == ("file:///a", "2")


def test_the_environment_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRTUNE_PARAM_MOMENTUM", "of an outer worker")
    monkeypatch.setenv("LRTUNE_RESUME_URI", "of an outer worker")
    monkeypatch.setenv("KEPT", "yes")
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    environment = environment_of(leased(), "mine", "/reports", resumable=True)
    told = {name: value for name, value in environment.items() if name.startswith("LRTUNE_")}
    assert {name: told[name] for name in told if name not in ("LRTUNE_ALLOWED_HOSTS",)} == {
        **{"LRTUNE_STUDY": "mine", "LRTUNE_TRIAL": "7", "LRTUNE_ATTEMPT": "2", "LRTUNE_MAX_STEPS": "3"},
        **{"LRTUNE_REPORTS": "/reports", "LRTUNE_PARAM_LEARNING_RATE": "3e-05", "LRTUNE_PARAM_SIZE_A": "64"},
        **{"LRTUNE_PARAM_NESTEROV": "true", "LRTUNE_PARAM_OPTIMIZER": "sgd", "LRTUNE_PARAM_CLIP": "null"},
    }
    assert environment["KEPT"] == "yes"
    assert environment["PYTHONUNBUFFERED"] == "1", "else its losses would come in blocks"
    resume = {"uri": "file:///a", "step": 2}
    assert environment_of(leased(resume=resume), "mine", "", resumable=True)["LRTUNE_RESUME_STEP"] == "2"
    assert "LRTUNE_RESUME_URI" not in environment_of(leased(resume=resume), "mine", "", resumable=False)


def test_two_parameters_with_one_variable_are_refused() -> None:
    space = {name: {"type": "int", "low": 1, "high": 2} for name in ("a.b", "A_b")}
    with pytest.raises(TaskError, match=r"parameters a\.b and A_b both go into LRTUNE_PARAM_A_B: rename one"):
        Program(["sh"], study(search_space=space), Options())


def test_a_study_without_a_length_cannot_fill_it_in() -> None:
    with pytest.raises(TaskError, match=r"study s has no max_steps to fill into {max_steps}"):
        Program(["sh", "{max_steps}"], study(max_steps=None), Options())
    assert Program(["sh"], study(max_steps=None), Options()).own_length


@pytest.mark.parametrize("pattern", ["(", "(?P<value>", "loss", "(?P<step>a)"])
def test_a_pattern_that_cannot_be_is_refused_before_the_first_lease(pattern: str) -> None:
    with pytest.raises(TaskError, match=r"--pattern '.*' (is no regular expression|names no group value)"):
        Program(["sh"], study(), Options(pattern))


def test_a_warning_says_where_no_parameter_reaches_the_program(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reads, deaf = tmp_path / "reads.sh", tmp_path / "deaf.sh"
    reads.write_text("train $LRTUNE_PARAM_LEARNING_RATE")
    deaf.write_text("train 0.1")
    for arguments in ([str(reads)], ["{learning_rate}"], ["-c", "train $LRTUNE_PARAM_LEARNING_RATE"]):
        Program(["sh", *arguments], study(), Options())
    assert caplog.messages == []
    Program(["sh", str(deaf), "{max_steps}"], study(), Options())
    assert caplog.messages == [
        "no parameter seems to reach sh: write {learning_rate} among its arguments, "
        "or read LRTUNE_PARAM_LEARNING_RATE in it"
    ]


def test_a_program_is_told_all_of_it(train: Callable[..., Program], service: FakeService, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = f"import json, os, sys; json.dump([sys.argv[1:], dict(os.environ)], open({str(out)!r}, 'w')); print('1: 1')"
    train(sys.executable, "-c", code, "{learning_rate}", "{trial}.{attempt}", pattern="(?P<step>.): (?P<value>.)")
    arguments, environment = json.loads(out.read_text())
    assert arguments == ["0.1", "0.1"]
    assert environment["LRTUNE_PARAM_LEARNING_RATE"] == "0.1"


def test_what_a_program_says_of_itself_reaches_the_service(
    train: Callable[..., Program], client: Client, service: FakeService
) -> None:
    program = Program(["sh"], client.study("s").spec, Options(anneals=True, resumable=True))
    assert (program.anneals, program.resumable, program.own_length) == (True, True, False)
