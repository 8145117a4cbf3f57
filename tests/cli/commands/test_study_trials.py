"""What happened in a study, told at the command line by a real service."""

import json
import threading
from collections.abc import Iterator

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.api.calls import StudyCalls
from tests.api.conftest import create, serving
from tests.cli.conftest import Lrtune
from tests.fake_service import listening, problem

PLAIN = {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "max_steps": 5, "prior": "none"}
SPACE = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
    "optimizer": {"type": "categorical", "choices": ["sgd", "[bold]adam"]},
}
BUG = 'Traceback (most recent call last):\n  File "/tmp/a.py", line 7, in train\nRuntimeError: no GPU {}\n'


class Service:
    """A real service at a port of its own, which can be away."""

    def __init__(self, client: TestClient, address: str) -> None:
        self.client, self.address, self.away = client, address, False
        self.polled = threading.Event()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(f"sqlite:///{tmp_path_factory.mktemp('told')}/lrtune.db") as client:

        def answer(request: httpx2.Request) -> httpx2.Response:
            if service.away:
                return problem(503, "storage-unavailable", headers={"retry-after": "0"})
            if "wait_seconds" in request.url.params:
                service.polled.set()
            where = str(request.url.raw_path, "ascii")
            json_body = {"content-type": "application/json"}
            found = client.request(request.method, where, content=request.content, headers=json_body)
            return httpx2.Response(found.status_code, content=found.content, headers=dict(found.headers))

        with listening(answer) as address:
            service = Service(client, address)
            yield service


@pytest.fixture
def told(real: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("LRTUNE_SERVER", real.address)
    monkeypatch.setenv("COLUMNS", "200")
    return real


def failed(study: StudyCalls, count: int) -> None:
    for n in range(count):
        study.finish(study.lease(), "failed", error=BUG.format(n))


def test_trials_are_a_line_each_the_newest_last_with_what_it_takes_to_understand_them(
    told: Service, lrtune: Lrtune
) -> None:
    study = create(told.client, **PLAIN, search_space=SPACE)
    done = study.lease(worker="a:1")
    study.verdict(done, (5, 0.25))
    study.finish(done)
    failed(study, 1)
    study.lease(worker="b:2")
    ran = lrtune("study", "trials", study.name)
    header, first, second, third = ran.out.splitlines()
    assert header.split() == ["trial", "outcome", "learning_rate", "with", "step", "loss", "seconds", "worker", "why"]
    cells = first.split()
    assert cells[:2] == ["0", "complete"]
    assert float(cells[2]) == pytest.approx(done["params"]["learning_rate"], rel=0.01)
    assert cells[3] == f"optimizer={done['params']['optimizer']}"
    assert cells[4:6] == ["5/5", "0.25"]
    assert cells[7] == "a:1"
    assert second.endswith("RuntimeError: no GPU 0")
    assert third.split()[:2] == ["2", "running"]
    assert ran.err == ""


def test_the_latest_trials_are_shown_and_how_many_more_there_are(told: Service, lrtune: Lrtune) -> None:
    study = create(told.client, **PLAIN)
    for n in range(7):
        study.finish(study.lease(), value=float(n))
    ran = lrtune("study", "trials", study.name, "--limit", "2")
    assert [line.split()[0] for line in ran.out.splitlines()[1:]] == ["5", "6"]
    assert ran.err == "5 earlier trials not shown; `--limit 0` prints all.\n"
    ran = lrtune("study", "trials", study.name, "--limit", "0")
    assert [line.split()[0] for line in ran.out.splitlines()[1:]] == [str(n) for n in range(7)]
    assert ran.err == ""


def test_failed_lists_those_that_failed_with_the_line_of_their_error(told: Service, lrtune: Lrtune) -> None:
    study = create(told.client, **PLAIN)
    failed(study, 2)
    study.finish(study.lease(), value=0.5)
    lines = lrtune("study", "trials", study.name, "--failed").out.splitlines()
    assert lines[0].split()[-1] == "error"
    assert [line.rpartition("  ")[2] for line in lines[1:]] == ["RuntimeError: no GPU 0", "RuntimeError: no GPU 1"]
    found = json.loads(lrtune("study", "trials", study.name, "--state", "complete", "--json").out)
    assert [trial["number"] for trial in found] == [2]
    assert lrtune("study", "trials", study.name, "--state", "pruned").out == "no trials\n"
    assert json.loads(lrtune("study", "trials", study.name, "--state", "pruned", "--json").out) == []


@pytest.mark.parametrize("arguments", [["--state", "happy"], ["--failed", "--state", "complete"], ["--limit", "-1"]])
def test_what_cannot_be_listed_is_refused(told: Service, lrtune: Lrtune, arguments: list[str]) -> None:
    assert lrtune("study", "trials", "s", *arguments).code == 2


def test_show_names_the_error_when_all_failed_and_says_why_nothing_is_handed_out(told: Service, lrtune: Lrtune) -> None:
    study = create(told.client, **PLAIN)
    failed(study, 5)
    said = lrtune("study", "show", study.name).out
    assert "All 5 trials failed with the same error: RuntimeError: no GPU 4." in said
    assert "The last 5 trials failed with the same error, so no trial is handed out: RuntimeError: no GPU 4." in said
    assert f"Mend it, then run `lrtune study resume {study.name}`." in said


def test_pause_resume_and_stop_say_what_the_study_does_then(told: Service, lrtune: Lrtune) -> None:
    study = create(told.client, **PLAIN)
    failed(study, 5)
    assert lrtune("study", "pause", study.name).out.startswith("The study was paused, so no trial is handed out.")
    assert lrtune("study", "resume", study.name).out.startswith("The study is open, but no worker is training.")
    assert study.get("/status")["halted"] is None
    assert lrtune("study", "stop", study.name).out.startswith("The study was stopped, so no trial is handed out.")
    assert study.get()["state"] == "finished"
    assert json.loads(lrtune("study", "resume", study.name, "--json").out)["state"] == "running"
    gone = lrtune("study", "pause", "nowhere")
    assert gone.code == 1
    assert "there is no study 'nowhere'" in gone.err


def test_watch_has_a_line_for_each_trial_that_ends_while_the_service_comes_and_goes(
    told: Service, lrtune: Lrtune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrtune.service.cli.connection.RETRY_SECONDS", 0.2)
    study = create(told.client, **PLAIN, max_trials=3)
    before, first, waits = study.lease(), study.lease(), study.lease()
    study.finish(before, value=0.9)
    study.release(waits)

    told.polled.clear()

    def happen() -> None:
        assert told.polled.wait(30)
        told.away = True
        study.finish(first, "failed", error=BUG.format(1))
        threading.Event().wait(1.0)
        told.away = False
        study.finish(study.lease(), value=0.5)
        study.finish(study.lease(), "diverged")

    thread = threading.Thread(target=happen)
    thread.start()
    ran = lrtune("study", "watch", study.name, "--interval", "0.1")
    thread.join()
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0].startswith("The study is running")
    assert lines[-1].startswith("The study is finished: the 3 trials of its budget are over. 1 more failed")
    ended = sorted(line.split(",")[0] for line in lines[1:-1])
    assert ended == ["trial 1: failed", "trial 2: complete", "trial 3: diverged"]
    assert "RuntimeError: no GPU 1" in ran.out
    assert "lrtune: the service does not answer; it is tried again for 5 minutes" in ran.err
    assert "lrtune: the service answers again" in ran.err


def test_watch_ends_with_the_reason_and_an_exit_code_where_trials_keep_failing(told: Service, lrtune: Lrtune) -> None:
    study = create(told.client, **PLAIN)
    failed(study, 5)
    ran = lrtune("study", "watch", study.name)
    assert ran.code == 1
    assert ran.out.startswith("The last 5 trials failed with the same error")
    assert ran.out.count("\n") == 1


def test_watch_ends_where_the_study_is_deleted(told: Service, lrtune: Lrtune) -> None:
    study = create(told.client, **PLAIN)
    told.polled.clear()

    def delete() -> None:
        assert told.polled.wait(30)
        assert told.client.delete(study.path).status_code == 204

    thread = threading.Thread(target=delete)
    thread.start()
    ran = lrtune("study", "watch", study.name, "--interval", "0.1")
    thread.join()
    assert ran.code == 1
    assert f"study {study.name} is gone: it was deleted" in ran.err


def test_watch_once_shows_the_screen_and_ends(told: Service, lrtune: Lrtune) -> None:
    study = create(told.client, **PLAIN, max_trials=7)
    study.finish(study.lease(), value=0.5)
    ran = lrtune("study", "watch", study.name, "--once")
    assert ran.code == 0
    assert "1 of 7 trials spent" in ran.out
    assert "\x1b" not in ran.out
    assert lrtune("study", "watch", study.name, "--once", "--json").code == 2


def test_watch_in_json_is_a_trial_a_line(told: Service, lrtune: Lrtune) -> None:
    study = create(told.client, **PLAIN, max_trials=1)
    trial = study.lease()
    told.polled.clear()

    def end() -> None:
        assert told.polled.wait(30)
        study.finish(trial, value=0.5)

    thread = threading.Thread(target=end)
    thread.start()
    ran = lrtune("study", "watch", study.name, "--interval", "0.1", "--json")
    thread.join()
    assert [json.loads(line)["value"] for line in ran.out.splitlines()] == [0.5]
