"""How programs end, by themselves and by SIGTERM, and what is told of it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from lrtune import Client
from lrtune.trainers.client.spool.folder import spooling
from lrtune.trainers.errors import ProgramFailed, Shutdown
from lrtune.trainers.programs.group import is_group_gone
from lrtune.trainers.programs.process import Guard, Process
from lrtune.trainers.programs.program import Options, Program
from lrtune.trainers.worker.loop import work
from lrtune.trainers.worker.signals import Signals
from tests.fake_service import FakeService, lease_lost
from tests.support.processes import gone, until
from tests.trainers.programs.conftest import python, reported

Train = Callable[..., Program]
VALUE = "loss (?P<value>.+)"
STOP = {"verdict": "stop", "reason": "pruned", "explanation": "rank 9 of 9"}
PAUSE = {"verdict": "pause", "reason": "paused", "explanation": "paused at step 1"}
REPORT = f"{sys.executable} -m lrtune.service.cli.main report"


def shell(text: str) -> list[str]:
    return ["sh", "-c", text.replace("{", "{{").replace("}", "}}")]


def test_an_exit_code_fails_the_trial_with_the_last_lines(train: Train, service: FakeService) -> None:
    with pytest.raises(ProgramFailed, match="sh ended with exit code 3; its last line: no GPU here"):
        train(*shell("for n in $(seq 30); do echo line $n; done; echo no GPU here >&2; exit 3"), pattern=VALUE)
    (result,) = service.bodies("/result")
    lines = result["error"].splitlines()
    assert len(lines) == 21
    assert "line 30" in lines
    assert lines[-1] == "sh ended with exit code 3; its last line: no GPU here"


def test_losses_do_not_make_up_for_an_exit_code(train: Train, service: FakeService) -> None:
    with pytest.raises(ProgramFailed, match="exit code 1"):
        train(*shell("echo loss 0.5; exit 1"), pattern=VALUE)
    assert reported(service) == [(1, 0.5)]
    assert service.bodies("/result")[0]["state"] == "failed"


def test_the_signal_that_killed_a_program_is_named(train: Train, service: FakeService) -> None:
    with pytest.raises(ProgramFailed, match="was killed by SIGSEGV; it printed nothing"):
        train(*shell("kill -SEGV $$"))
    with pytest.raises(ProgramFailed, match=r"was killed by SIGKILL \(out of memory, perhaps\)"):
        train(*shell("kill -KILL $$"))


def test_a_python_traceback_is_told_by_its_last_line(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    service.max_trials = 9
    program = Program(python("raise ValueError('no GPU')"), client.study("s").spec, Options(quiet=True))
    with (
        Signals() as signals,
        pytest.raises(Exception, match="3 times in a row, the last time with ValueError: no GPU"),
    ):
        work(client.study("s"), program, signals=signals)
    program.close()
    assert len(service.bodies("/result")) == 3
    assert "Traceback" not in caplog.text, "where lrtune was then is of no use"


def test_a_file_that_cannot_be_run_is_named(train: Train, service: FakeService, tmp_path: Path) -> None:
    script = tmp_path / "train"
    script.write_text("no program")
    script.chmod(0o755)
    with pytest.raises(ProgramFailed, match=r"train cannot be run: Exec format error$"):
        train(str(script))


def test_a_training_that_is_stopped_hears_sigterm_and_its_trial_is_pruned(
    train: Train, service: FakeService, tmp_path: Path
) -> None:
    service.verdict = STOP
    sign = tmp_path / "sign"
    train(*shell(f"trap 'echo told > {sign}; exit 0' TERM; echo loss 0.5; sleep 30 & wait"), pattern=VALUE)
    assert sign.read_text() == "told\n"
    assert service.bodies("/result")[0]["state"] == "pruned"


def test_a_verdict_that_comes_with_a_renewal_ends_a_silent_program(train: Train, service: FakeService) -> None:
    service.verdict, service.ttl_seconds = STOP, 0.3
    began = time.monotonic()
    train("sleep", "30")
    assert time.monotonic() - began < 10
    assert reported(service) == []
    assert service.bodies("/result")[0]["state"] == "pruned"


def test_a_program_that_ignores_sigterm_is_killed_with_all_that_it_started(
    train: Train, service: FakeService, tmp_path: Path
) -> None:
    service.verdict = STOP
    pids = tmp_path / "pids"
    inner = f"trap '' TERM; sleep 60 & echo $$ $! > {pids}; echo loss 0.5; while :; do sleep 1; done"
    train(*shell(f'sh -c "{inner.replace("$", chr(92) + "$")}"; true'), pattern=VALUE, grace_seconds=0.3)
    for pid in pids.read_text().split():
        until(lambda pid=pid: gone(int(pid)))  # type: ignore[misc]


def test_what_a_program_leaves_running_is_ended(train: Train, service: FakeService, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    began = time.monotonic()
    train(*shell(f"sleep 60 & echo $! > {pids}; echo loss 0.5"), pattern=VALUE)
    assert time.monotonic() - began < 10
    until(lambda: gone(int(pids.read_text())))
    assert service.bodies("/result")[0]["state"] == "complete"


def test_a_program_that_never_ends_fails_after_its_time(train: Train, service: FakeService) -> None:
    with pytest.raises(ProgramFailed, match=r"sh did not end within 0\.5 s \(--trial-timeout-seconds\)"):
        train(*shell("echo loss 0.5; sleep 60"), pattern=VALUE, trial_timeout_seconds=0.5)
    assert service.bodies("/result")[0]["state"] == "failed"


def test_a_trial_that_is_someone_elses_by_now_ends_the_program(train: Train, service: FakeService) -> None:
    service.fault = lambda request: lease_lost() if request.url.path.endswith("/reports") else None
    began = time.monotonic()
    train(*shell("echo loss 0.5; sleep 60"), pattern=VALUE)
    assert time.monotonic() - began < 10
    assert service.bodies("/result") == []


def test_a_worker_that_is_told_to_end_gives_the_trial_back_with_the_checkpoint_that_is_written_then(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    sign = tmp_path / "sign"
    script = (
        f"trap '{REPORT} 2 0.4 --checkpoint file:///two; echo $? > {sign}; exit 0' TERM\necho loss 0.5; sleep 60 & wait"
    )
    program = Program(shell(script), client.study("s").spec, Options(VALUE, resumable=True, quiet=True))
    ender = threading.Thread(target=_end_when, args=(lambda: bool(service.bodies("/reports")),))
    with Signals() as signals:
        ender.start()
        with pytest.raises(Shutdown):
            work(client.study("s"), program, signals=signals)
    ender.join()
    program.close()
    assert [body["checkpoint"] for body in service.bodies("/release")] == [{"uri": "file:///two", "step": 2}]
    assert service.bodies("/result") == []
    assert sign.read_text() == "4\n", "it is taken up again: pause"


def _end_when(holds: Callable[[], bool]) -> None:
    until(holds)
    os.kill(os.getpid(), signal.SIGTERM)


# lrtune report


@pytest.mark.parametrize(
    ("verdict", "code", "said"), [(STOP, 3, "stop: pruned: rank 9 of 9"), (PAUSE, 4, "pause: paused: paused at step 1")]
)
def test_a_call_hears_the_verdict_and_the_program_may_end_by_itself(
    train: Train, service: FakeService, tmp_path: Path, verdict: dict[str, str], code: int, said: str
) -> None:
    service.verdict = verdict
    out = tmp_path / "out"
    script = f"trap 'echo killed >> {out}' TERM; {REPORT} 1 0.5 --checkpoint file:///a > {out}; echo $? >> {out}"
    train(*shell(script), resumable=True)
    assert out.read_text() == f"{said}\n{code}\n"
    assert reported(service) == [(1, 0.5)]
    ends = [path.rpartition("/")[2] for _, path, _ in service.calls][-1]
    assert ends == ("result" if code == 3 else "release")


def test_a_program_that_does_not_heed_the_answer_is_ended_at_its_next_call(train: Train, service: FakeService) -> None:
    service.verdict = STOP
    began = time.monotonic()
    train(*shell(f"for step in 1 2 3; do {REPORT} $step 0.5; done; sleep 60"), grace_seconds=30.0)
    assert time.monotonic() - began < 15
    assert reported(service) == [(1, 0.5)]


def test_a_call_says_what_is_wrong_with_it(train: Train, service: FakeService, tmp_path: Path) -> None:
    out = tmp_path / "out"
    calls = ["1.5 0.5", "1 three", "-1 0.5", f"1 0.5 --checkpoint {'x' * 3000}", "1 nan"]
    script = "\n".join(f"{REPORT} {call} >> {out} 2>&1; echo $? >> {out}" for call in calls)
    train(*shell(script))
    assert out.read_text().splitlines() == [
        *("lrtune: the step '1.5' is no whole number ≥ 0: lrtune report STEP LOSS", "2"),
        *("lrtune: the loss 'three' is no number: lrtune report STEP LOSS", "2"),
        *("lrtune: the step '-1' is no whole number ≥ 0: lrtune report STEP LOSS", "2"),
        *("lrtune: uri: may have 2000 characters at most", "1"),
        *("continue", "0"),
    ]
    assert reported(service) == [(1, "nan")]


def test_a_call_from_outside_says_where_it_belongs() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LRTUNE_REPORTS"}
    command = [*REPORT.split(), "1", "0.5"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "call this in a program that `lrtune worker --study NAME -- PROGRAM` runs" in ran.stderr
    ran = subprocess.run(
        command, env=environment | {"LRTUNE_REPORTS": "/gone"}, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr == "lrtune: no worker answers at /gone: it has ended, and so should this training\n"


def test_a_service_that_has_gone_ends_no_program_and_its_result_is_kept(train: Train, service: FakeService) -> None:
    def refuse(request: httpx2.Request) -> None:
        if request.url.path.endswith("/reports"):
            raise httpx2.ConnectError("refused")

    service.fault = refuse
    with pytest.raises(Exception, match="no lrtune service answers"):
        train(*shell(f"{REPORT} 1 0.5; {REPORT} 2 0.25"))
    assert service.bodies("/release") == service.bodies("/result") == []
    assert len(list(spooling().folder.iterdir())) == 1


# The watch over a program whose worker is killed


def test_a_program_ends_with_a_worker_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, time\nfrom lrtune.trainers.programs.process import Guard, Process\n"
        "guard = Guard()\nprocess = Process(['sleep', '60'], dict(os.environ))\nguard.watch(process)\n"
        "print(process.pid, flush=True)\ntime.sleep(60)"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    worker.kill()
    worker.wait()
    worker.stdout.close()
    until(lambda: gone(pid))


def test_a_program_that_has_ended_is_watched_no_longer() -> None:
    guard = Guard()
    process = Process(["sleep", "60"], dict(os.environ))
    guard.watch(process)
    guard.watch(None)
    guard.close()
    assert process.poll() is None
    process.kill()
    process.wait(10)
    process.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only /proc says who has ended")
def test_who_has_ended_and_is_not_waited_for_is_gone() -> None:
    """As all orphans are in a container without an init."""
    code = (
        "import subprocess, time\nchild = subprocess.Popen(['true'], process_group=0)\n"
        "print(child.pid, flush=True)\ntime.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    group = int(parent.stdout.readline())
    until(lambda: is_group_gone(group))
    os.killpg(group, 0)  # It is a member still.
    parent.kill()
    parent.wait()
    parent.stdout.close()
