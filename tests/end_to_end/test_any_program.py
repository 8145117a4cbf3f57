"""`lrtune worker -- PROGRAM` against a real service: what programs print and do, and what becomes of their trials."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service
from tests.end_to_end.programs import Bench
from tests.support.processes import Programs


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
