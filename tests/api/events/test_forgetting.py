"""What watching costs ends some time after the last who watched has gone, and it loads no study."""

import time
from collections.abc import Callable

import pytest

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.views.live import viewers
from tests.api.events.conftest import SECONDS, Calls


def mirror(calls: Calls, name: str) -> StudyMirror | None:
    mirrors = calls.served.app.state.container.engine.mirrors
    with mirrors.lock:
        found: StudyMirror | None = mirrors.peek(mirrors.id_of(name))
        return found


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_changes_are_noted_while_somebody_watches_and_not_long_after(
    own_calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewers, "REMEMBERED_SECONDS", 0.2)
    path = own_calls.study("left")
    last = own_calls.watch(f"{path}/events?for_seconds=0").next().id
    study = mirror(own_calls, "left")
    assert study is not None
    wait_for(lambda: study.recent is None)
    with own_calls.http.stream(
        "GET", f"{path}/events", params={"for_seconds": SECONDS}, headers={"Last-Event-ID": last}
    ):
        wait_for(lambda: study.recent is not None)
        assert own_calls.watch(f"{path}/events?for_seconds=0", last=last).next().name == "status"
        time.sleep(0.4)
        assert study.recent is not None


def test_who_comes_back_within_the_minute_gets_what_was_missed(own_calls: Calls) -> None:
    path = own_calls.study("back")
    last = own_calls.watch(f"{path}/events?for_seconds=0").next().id
    own_calls.lease(path)
    assert own_calls.watch(f"{path}/events?for_seconds=0", last=last).next().name == "change"


def test_ids_of_studies_are_collected_while_somebody_watches_them_all(
    own_calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewers, "REMEMBERED_SECONDS", 0.2)
    last = own_calls.watch("/v1/events?for_seconds=0").next().id
    watchers = own_calls.served.app.state.container.watchers
    wait_for(lambda: watchers._collecting is None)
    own_calls.study("unseen")
    assert own_calls.watch("/v1/events?for_seconds=0", last=last).next().name == "begin"
    assert watchers._collecting is not None


def test_a_study_that_changed_and_is_not_in_memory_is_told_and_not_loaded(own_calls: Calls) -> None:
    last = own_calls.watch("/v1/events?for_seconds=0").next().id
    own_calls.study("away")
    own_calls.study("here")
    study = mirror(own_calls, "away")
    assert study is not None
    mirrors = own_calls.served.app.state.container.engine.mirrors
    with mirrors.lock:
        mirrors.drop(study)
    stream = own_calls.watch("/v1/events?for_seconds=0", last=last)
    told = {event.data["study"]: event.data for event in (stream.next(), stream.next())}
    assert told["away"] == {"study": "away", "version": study.version}
    assert told["here"]["state"] == "running"
    assert mirror(own_calls, "away") is None
