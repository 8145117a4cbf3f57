"""`lrtune worker -- PROGRAM` against a real service: what programs print and do, and what becomes of their trials."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service, environ
from tests.end_to_end.programs import LRTUNE, Bench
from tests.support.processes import Programs, gone, until


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Client]]:
    folder = tmp_path_factory.mktemp("served")
    with ExitStack() as stack:
        service = Service(stack.enter_context(Programs(folder / "programs")), f"sqlite:///{folder}/lrtune.db")
        yield service, stack.enter_context(Client(service.address, retry_seconds=30))


@pytest.fixture
def bench(served: tuple[Service, Client], programs: Programs, tmp_path: Path) -> Bench:
    return Bench(*served, programs, tmp_path)


TRAIN = """#!/bin/sh
# usage: train.sh --lr RATE --epochs COUNT
awk -v lr="$2" -v epochs="$4" 'BEGIN {
    loss = 1
    for (epoch = 1; epoch <= epochs; epoch++) { loss *= 0.5 + lr; print "epoch " epoch " loss " loss }
}'
"""
PATTERN = r"epoch (?P<step>\d+) loss (?P<value>\S+)"


def test_a_shell_script_is_trained_by_without_a_change_to_it(bench: Bench) -> None:
    script = bench.write("train.sh", TRAIN)
    bench.study("shell", max_trials=3)
    worker = bench.work("shell", [script, "--lr", "{learning_rate}", "--epochs", "{max_steps}"], "--pattern", PATTERN)
    assert worker.poll() == 0, worker
    for number in range(3):
        trial = bench.trial("shell", number)
        assert trial.state == "complete"
        rate = trial.params["learning_rate"]
        curve = bench.curve("shell", number)
        assert dict(curve) == pytest.approx({step: (0.5 + rate) ** step for step in (1, 2, 3)}, rel=1e-4)
        assert trial.value == curve[-1][1]
    assert "epoch 3 loss" in worker.stdout, "what the program prints is seen as ever"


def test_lines_of_json_need_no_pattern(bench: Bench) -> None:
    bench.study("json")
    lines = r'printf "{\"step\": 1, \"value\": 0.5}\nother\n{\"epoch\": 2, \"value\": \"nan\"}"'
    worker = bench.work("json", ["sh", "-c", lines.replace("{", "{{").replace("}", "}}")])
    assert worker.poll() == 0, worker
    assert str(bench.curve("json")) == "[(1, 0.5), (2, nan)]"
    assert bench.trial("json").state == "diverged"
    assert worker.stderr.count("no parameter seems to reach sh: write {learning_rate} among its arguments") == 1


def test_lrtune_report_tells_the_worker(bench: Bench) -> None:
    script = bench.write("train.sh", "set -e\nfor step in 1 2 3; do $LRTUNE report $step -0,$step; done")
    bench.study("called")
    worker = bench.work("called", ["sh", script], "--quiet")
    assert worker.poll() == 0, worker
    assert bench.curve("called") == [(1, -0.1), (2, -0.2), (3, -0.3)]
    assert worker.stdout == ""


def test_a_loss_that_is_nan_ends_the_program_and_the_trial_diverged(bench: Bench) -> None:
    bench.study("diverges")
    script = "trap 'echo told; exit 0' TERM; echo loss 0.5; echo loss nan; sleep 60 & wait"
    worker = bench.work("diverges", ["sh", "-c", script], "--pattern", "loss (?P<value>.+)")
    assert worker.poll() == 0, worker
    assert "told" in worker.stdout
    assert bench.trial("diverges").state == "diverged"


def test_a_parameter_that_a_trial_lacks_is_left_out(bench: Bench) -> None:
    space = {
        "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
        "momentum": {"type": "float", "low": 0.0, "high": 0.9, "when": {"optimizer": ["sgd"]}},
    }
    bench.study("conditional", search_space=space, max_trials=2)
    for point in ({"optimizer": "sgd", "momentum": 0.5}, {"optimizer": "adam"}):
        bench.client.enqueue("conditional", point)
    command = ["echo", "loss", "1", "with", "{optimizer}", "--momentum", "{momentum}"]
    worker = bench.work("conditional", command, "--pattern", r"loss (?P<value>\S+)")
    assert worker.stdout.splitlines() == ["loss 1 with sgd --momentum 0.5", "loss 1 with adam"]


RESUMES = """
for step in $(seq $(($1 + 1)) 4); do
    echo "from '$2' at $step" >&2
    $LRTUNE report $step 0.$step --checkpoint file:///checkpoint-$step || exit 0
    if [ $step = 2 ] && [ -z "$2" ]; then sleep 60; fi
done
"""


def test_a_worker_that_is_asked_to_end_gives_the_trial_back_and_the_next_goes_on(bench: Bench) -> None:
    script = ["sh", bench.write("train.sh", RESUMES), "{resume_step}", "{resume_uri}"]
    bench.study("resumed", max_steps=4)
    worker = bench.start("resumed", script, "--resumable", "--grace-seconds", "5")
    until(lambda: bench.trial("resumed").step == 2 if bench.client.study("resumed").list() else False)
    assert worker.terminate(30) == 0
    given_back = bench.trial("resumed")
    assert (given_back.state, given_back.attempt) == ("waiting", 1)
    successor = bench.work("resumed", script, "--resumable")
    assert successor.poll() == 0, successor
    assert "from 'file:///checkpoint-2' at 3" in successor.stderr
    assert bench.curve("resumed") == [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]
    assert bench.trial("resumed").attempt == 1, "giving it back cost no attempt"


def test_ctrl_c_and_a_killed_worker_leave_no_program_behind(bench: Bench) -> None:
    bench.study("left", max_trials=2)
    for number in (signal.SIGINT, signal.SIGKILL):
        pids = bench.folder / f"pids-{number}"
        script = f"trap '' TERM INT; sleep 60 & echo $$ $! > {pids}; while :; do sleep 1; done"
        worker = bench.start("left", ["sh", "-c", script], "--grace-seconds", "0.2")
        until(lambda pids=pids: pids.exists() and len(pids.read_text().split()) == 2)  # type: ignore[misc]
        os.kill(worker.pid, number)
        assert worker.wait(20) == (130 if number == signal.SIGINT else -signal.SIGKILL)
        for pid in pids.read_text().split():
            until(lambda pid=pid: gone(int(pid)))  # type: ignore[misc]


def test_several_workers_share_the_trials(bench: Bench) -> None:
    bench.study("shared", max_trials=4)
    script = 'echo loss {learning_rate} and "$@"; sleep 0.5'
    command = ["sh", "-c", script, "sh", "--concurrency", "3", "--"]
    worker = bench.work("shared", command, "--concurrency", "2", "--pattern", r"loss (?P<value>\S+)")
    assert worker.poll() == 0, worker
    trials = bench.client.study("shared").list()
    assert [trial.state for trial in trials] == ["complete"] * 4
    assert len({trial.worker for trial in trials}) == 2
    assert worker.stdout.count("and --concurrency 3 --") == 4, "what follows the program is its own"
    assert all(trial.value == trial.params["learning_rate"] for trial in trials)


def test_three_failures_in_a_row_end_the_worker_in_one_line(bench: Bench) -> None:
    bench.study("fails", max_trials=9)
    worker = bench.work("fails", ["sh", "-c", "echo no GPU {learning_rate}; exit 7"], "--quiet")
    assert worker.poll() == 1
    assert worker.stdout == ""
    last = worker.stderr.splitlines()[-1]
    assert last.startswith("lrtune: the task failed 3 times in a row, the last time with sh ended with exit code 7")
    assert "no GPU" in last
    assert "Traceback" not in worker.stderr
    trials = bench.client.study("fails").list()
    assert [trial.state for trial in trials] == ["failed"] * 3
    assert str(trials[0].error).splitlines()[-1].startswith("sh ended with exit code 7; its last line: no GPU")


def test_the_dashes_before_the_program_may_be_left_out(bench: Bench) -> None:
    bench.study("bare")
    options = ["--server", bench.service.address, "--study", "bare", "--pattern", "(?P<value>.)$"]
    worker = bench.programs.run([*LRTUNE, "worker", *options, "echo", "--value", "{trial}"], environ())
    assert worker.poll() == 0, worker
    assert worker.stdout == "--value 0\n"


@pytest.mark.parametrize("log_too", [False, True], ids=["output", "output and log"])
def test_a_worker_whose_output_nobody_reads_trains_on_and_ends_at_sigterm(bench: Bench, log_too: bool) -> None:
    study = bench.study(f"unread-{log_too}")
    mark, log = bench.folder / "mark", bench.folder / "log"
    much = f'head -c 300000 /dev/zero | tr "\\0" x; echo; echo "loss 0.5"; touch {mark}; while :; do echo more; done'
    script = bench.write("chatty.sh", f"#!/bin/sh\n{much}\n")
    options = ["--server", bench.service.address, "--study", study, "--pattern", "loss (?P<value>.+)"]
    command = [*LRTUNE, "worker", *options, "--grace-seconds", "3", "--", script, "{learning_rate}"]
    with log.open("wb") as file:
        stderr = subprocess.STDOUT if log_too else file
        with subprocess.Popen(command, env=environ(), stdout=subprocess.PIPE, stderr=stderr) as worker:
            try:
                until(mark.exists, 30)
                until(lambda: bench.curve(study) == [(1, 0.5)])
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(20) == 0
            finally:
                worker.kill()
    assert bench.trial(study).state == "waiting"
    assert log_too or "printed are not shown, for nobody read them" in log.read_text()
