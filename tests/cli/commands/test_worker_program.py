"""`lrtune worker -- PROGRAM`: what is refused. How programs are run: tests/end_to_end/test_any_program.py."""

import sys

import pytest

from lrtune.service.cli.commands.programs import single_process
from tests.cli.conftest import Lrtune
from tests.fake_service import FakeService


@pytest.mark.parametrize(
    ("options", "command", "said"),
    [
        ((), ["sh", "{rate}"], "there is no placeholder {rate}: use {learning_rate}, {max_steps}, {trial}, {attempt}"),
        (("--pattern", "("), ["sh", "{learning_rate}"], "--pattern '(' is no regular expression"),
        (("--task", "digits"), ["sh"], "both --task digits and the program sh are to train: leave one of them out"),
        (("--folds", "3"), ["sh"], "--folds and --epochs go with a task"),
        (("--task", "digits", "--pattern", "(?P<value>.)"), [], "--pattern goes with a program, as in `lrtune worker"),
        (("--task", "digits", "--resumable"), [], "--resumable goes with a program"),
        ((), [], "say what trains: --task module:function, or one of digits"),
    ],
)
def test_what_cannot_be_run_is_refused_before_a_trial_is_leased(
    lrtune: Lrtune, service: FakeService, address: str, options: tuple[str, ...], command: list[str], said: str
) -> None:
    ran = lrtune("worker", "--study", "s", *options, "--", *command)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"lrtune: {said}")
    assert ran.err.count("\n") == 1
    assert service.bodies("/trials") == []


@pytest.mark.parametrize(
    ("typed", "program", "options"),
    [
        (["worker", "--study", "s"], [], ["worker", "--study", "s", "--concurrency", "1"]),
        (["worker", "--", "a", "--", "b"], ["a", "--", "b"], ["worker", "--concurrency", "1", "--", "a", "--", "b"]),
        (["worker", "a", "--lr"], ["a", "--lr"], ["worker", "--concurrency", "1", "--", "a", "--lr"]),
    ],
)
def test_each_of_several_workers_gets_the_same_command_line(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], program: list[str], options: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lrtune", *typed])
    assert single_process(program)[2:] == options
