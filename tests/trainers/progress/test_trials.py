import httpx2
import pytest

from lrtune import Client
from lrtune.trainers.progress.trials import TrialProgress
from tests.fake_service import STATUS, STUDY, FakeService, lease_lost


class Foot:
    """No terminal, but as if there were one."""

    def __init__(self) -> None:
        self.lines: list[object] = []

    def add(self, line: object) -> None:
        self.lines.append(line)

    def drop(self, line: object) -> None:
        self.lines.remove(line)


def progress(now: list[float], said: list[str], foot: Foot | None = None) -> TrialProgress:
    return TrialProgress(learning_rate="lr", foot=foot, say=said.append, clock=lambda: now[0])  # type: ignore[arg-type]


def test_the_line_has_step_loss_time_left_pace_and_rate() -> None:
    now = [0.0]
    shown = progress(now, [])
    shown.begun(3, {"lr": 0.0031}, 100, 0)
    now[0] = 4.0
    assert shown.pieces() == ["trial 3: training for 0:04", "learning rate 0.0031"]
    shown.reported(20, 0.5)
    now[0] = 6.0
    assert shown.pieces() == [
        *("trial 3: step 20 of 100", "loss 0.5", "0:14 left", "5 steps/s", "learning rate 0.0031"),
    ]


def test_a_resumed_trial_is_paced_by_the_steps_trained_here() -> None:
    now, said = [0.0], list[str]()
    shown = progress(now, said)
    shown.begun(3, {}, 100, 80)
    now[0] = 10.0
    shown.reported(85, 0.5)
    assert "2 s/step" in shown.pieces()
    shown.ended("complete, 0.5")
    assert "5 steps in 10.0 s" in said[0]


def test_a_wait_shows_after_two_seconds_and_is_a_line_of_its_own_where_there_is_no_terminal() -> None:
    now, said = [0.0], list[str]()
    shown = progress(now, said)
    for at in (0.0, 1.0, 2.0, 7.0, 40.0):
        now[0] = at
        shown.waits(lambda: "waiting: the study is paused")
    assert said == ["waiting: the study is paused"]
    assert shown.pieces() == ["waiting: the study is paused", "for 0:40"]
    now[0] = 700.0
    shown.waits(lambda: "waiting: the study is paused")
    assert len(said) == 2
    shown.begun(0, {}, None, 0)
    shown.ended("complete, 1")
    assert shown.pieces() == []


def test_leases_says_nothing_by_default(
    client: Client, service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    for trial in client.study("s").leases():
        with trial:
            trial.report(1, 0.5)
    assert capsys.readouterr() == ("", "")


def test_leases_with_progress_says_a_line_a_trial_on_standard_error(
    client: Client, service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    for trial in client.study("s").leases(progress=True):
        with trial:
            trial.report(3, 0.5)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert [line.split("; ")[0] for line in lines] == ["trial 0: complete, 0.5", "trial 1: complete, 0.5"]
    assert "; 3 steps in " in lines[0]


@pytest.mark.parametrize("end", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_display_ends_with_whatever_ends_the_loop(
    client: Client, service: FakeService, end: type[BaseException]
) -> None:
    foot, said = Foot(), list[str]()

    def loop() -> None:
        for trial in client.study("s").leases(progress=progress([0.0], said, foot)):
            with trial:
                assert len(foot.lines) == 1
                raise end

    with pytest.raises(end):
        loop()
    assert foot.lines == []
    assert len(said) == 1


def test_a_lost_lease_is_the_line_of_its_trial(client: Client, service: FakeService) -> None:
    service.fault = lambda request: lease_lost() if request.url.path.endswith("/reports") else None
    said: list[str] = []
    for trial in client.study("s").leases(progress=progress([0.0], said)):
        with trial:
            trial.report(1, 0.5)
    assert said[0].startswith("trial 0: lease lost; ")


def test_a_wait_names_how_many_workers_hold_what_is_left(client: Client, service: FakeService) -> None:
    nothing = {"done": False, "reason": None, "retry_after_seconds": 0.2}
    asked: list[str] = []
    said: list[str] = []
    now = [0.0]

    def fault(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/status"):
            return httpx2.Response(200, json={**STATUS, "workers": 3})
        if request.method == "POST" and request.url.path.endswith("/trials") and len(asked) < 2:
            asked.append(request.url.path)
            now[0] += 3.0
            return httpx2.Response(200, json=nothing)
        return None

    service.fault = fault
    assert STUDY["max_trials"] == 2
    for trial in client.study("s").leases(progress=progress(now, said)):
        with trial:
            trial.report(1, 0.5)
    assert said[0] == "waiting: all that is left is leased out to 3 workers"
    assert len(said) == 3
