"""`GET /v1/studies/{study}/events`: who watches a study is told all that happens, in order, once it is on disk."""

import json
from collections.abc import Iterable
from typing import Any

import optuna
import pytest

from lrtune.service.storage.memory import recent
from lrtune.service.wire.events import StudyChange
from lrtune.service.wire.studies import StudyStatus
from tests.api.events.conftest import Calls, Event


def trials_of(events: Iterable[Event]) -> list[dict[str, Any]]:
    return [trial for event in events for trial in event.data.get("changed", [])]


def curve_of(events: Iterable[Event], number: int) -> dict[int, Any]:
    told = (trial for trial in trials_of(events) if trial["number"] == number)
    return {step: value for trial in told for step, value in trial.get("reports", [])}


def test_the_status_comes_first_and_then_what_is_new_in_order(calls: Calls) -> None:
    path = calls.study("ordered", max_steps=5)
    stream = calls.watch(f"{path}/events")
    first = stream.next()
    assert first.name == "status"
    assert StudyStatus.model_validate(first.data) == StudyStatus.model_validate(calls.ask("GET", f"{path}/status"))
    trial = calls.lease(path)
    calls.report(path, trial, (1, 0.5))
    calls.report(path, trial, (2, 0.25), (3, 0.125))
    calls.finish(path, trial, value=0.1)
    told = stream.until(lambda event: any(one["state"] == "complete" for one in trials_of([event])))
    assert {event.name for event in told} == {"change"}
    versions = [event.data["version"] for event in told]
    assert versions == sorted(set(versions))
    assert versions[-1] == calls.ask("GET", f"{path}/status")["version"]
    assert curve_of(told, 0) == {1: 0.5, 2: 0.25, 3: 0.125}
    begun = next(one for one in trials_of(told) if "params" in one)
    assert begun["params"] == trial["params"]
    assert (begun["worker"], begun["attempt"]) == ("w", 1)
    last = told[-1].data
    assert last["best"]["value"] == 0.1
    assert last["trials"]["complete"] == 1
    for event in told:
        StudyChange.model_validate(event.data)


def test_only_fields_that_changed_are_told(calls: Calls) -> None:
    path = calls.study("sparing")
    stream = calls.watch(f"{path}/events")
    stream.next()
    trial = calls.lease(path)
    stream.until(lambda event: event.data["changed"])
    calls.report(path, trial, (1, 0.5))
    told = stream.until(lambda event: curve_of([event], 0))[-1].data
    assert not told.keys() & {"state", "best", "trials", "workers", "halted"}
    assert told["steps"]["trained"] == 1


def test_losses_that_are_no_numbers_are_told_as_text(calls: Calls) -> None:
    path = calls.study("diverging")
    stream = calls.watch(f"{path}/events")
    stream.next()
    trial = calls.lease(path)
    for step, value in enumerate(("inf", "-inf", "nan"), 1):
        calls.report(path, trial, (step, value))
    told = stream.until(lambda event: 3 in curve_of([event], 0))
    assert curve_of(told, 0) == {1: "inf", 2: "-inf", 3: "nan"}


def test_who_comes_again_gets_what_was_missed(calls: Calls) -> None:
    path = calls.study("resumed")
    trial = calls.lease(path)
    seen = calls.watch(f"{path}/events").next()
    for step in range(1, 6):
        calls.report(path, trial, (step, 1 / step))
    for again in (
        calls.watch(f"{path}/events", last=seen.id).next(),
        calls.watch(f"{path}/events?after={seen.id}").next(),
    ):
        assert again.name == "change"
        assert curve_of([again], 0) == {step: 1 / step for step in range(1, 6)}


def test_who_has_missed_nothing_is_told_the_next_thing(calls: Calls) -> None:
    path = calls.study("unmissed")
    seen = calls.watch(f"{path}/events").next()
    stream = calls.watch(f"{path}/events", last=seen.id)
    calls.lease(path)
    assert stream.next().name == "change"


def test_who_has_missed_more_than_is_known_gets_the_whole_status(
    own_calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent.Recent.__init__, "__defaults__", (3,))
    path = own_calls.study("long-gone")
    trial = own_calls.lease(path)
    seen = own_calls.watch(f"{path}/events").next()
    for step in range(1, 6):
        own_calls.report(path, trial, (step, 0.5))
    again = own_calls.watch(f"{path}/events", last=seen.id).next()
    assert again.name == "status"
    assert again.data["steps"]["trained"] == 5


@pytest.mark.parametrize("last", ["12", "nothing", "1.x.9999.9999", "9.aaaaaaaa.1.1", "1.2.3.4.5", "²"])
def test_an_id_that_means_nothing_gets_the_whole_status(calls: Calls, last: str) -> None:
    calls.ask("POST", "/v1/studies", {"name": "meaningless", "if_exists": "load"})
    stream = calls.watch(f"/v1/studies/meaningless/events?after={last}")
    assert stream.next().name == "status"


def test_a_study_that_is_read_anew_is_told_whole(calls: Calls) -> None:
    path = calls.study("reread")
    seen = calls.watch(f"{path}/events").next()
    engine = calls.served.app.state.container.engine
    with engine.lock:
        engine.mirrors.drop_all()
    assert calls.watch(f"{path}/events", last=seen.id).next().name == "status"


def test_a_deleted_study_is_gone_and_the_stream_ends(calls: Calls) -> None:
    path = calls.study("deleted")
    stream = calls.watch(f"{path}/events")
    stream.next()
    calls.ask("DELETE", path)
    gone = stream.next()
    assert (gone.name, gone.data) == ("gone", {"study": "deleted"})
    assert stream.rest() == []
    assert calls.http.get(f"{path}/events").status_code == 404


def test_a_study_of_the_same_name_is_another(calls: Calls) -> None:
    path = calls.study("namesake")
    stream = calls.watch(f"{path}/events")
    first = stream.next()
    calls.ask("DELETE", path)
    calls.study("namesake")
    assert stream.next().name == "gone"
    assert stream.rest() == []
    again = calls.watch(f"{path}/events", last=first.id).next()
    assert again.name == "status"


def test_a_training_that_goes_back_says_to_which_step(calls: Calls) -> None:
    path = calls.study("set-back")
    trial = calls.lease(path)
    calls.report(path, trial, (1, 0.5), (2, 0.4), (3, 0.3))
    stream = calls.watch(f"{path}/events")
    stream.next()
    body = {"lease": trial["lease"], "checkpoint": {"uri": "c", "step": 1}, "error": "preempted"}
    calls.ask("POST", f"{path}/trials/0/release", body)
    again = calls.lease(path)
    assert again["number"] == 0
    told = stream.until(lambda event: any(one["attempt"] == 2 for one in trials_of([event])))
    assert trials_of(told)[-1]["step"] == 1


def test_an_update_after_one_report_is_small_with_many_parameters_too(calls: Calls) -> None:
    space = {f"parameter_{n}": {"type": "float", "low": 0, "high": 1} for n in range(199)}
    space["learning_rate"] = {"type": "float", "low": 1e-5, "high": 1, "log": True}
    path = calls.study("wide", search_space=space)
    trial = calls.lease(path)
    stream = calls.watch(f"{path}/events")
    stream.next()
    for step in (1, 2, 3):
        calls.report(path, trial, (step, 1 / step))
        told = stream.until(lambda event, step=step: step in curve_of([event], 0))
        assert all(len(json.dumps(event.data)) <= 1900 for event in told)


def test_many_trials_and_long_curves_are_told_in_short(calls: Calls) -> None:
    path = calls.study("busy")
    stream = calls.watch(f"{path}/events")
    seen = stream.next()
    curve = [{"step": step, "value": 0.0 if step == 700 else 1.0} for step in range(1, 1001)]
    rate = {"learning_rate": 0.1}
    for _ in range(60):
        calls.ask("POST", f"{path}/trials/record", {"params": rate, "reports": curve[:50], "value": 1.0})
    calls.ask("POST", f"{path}/trials/record", {"params": rate, "reports": curve, "value": 1.0})
    told = calls.watch(f"{path}/events", last=seen.id).next().data
    assert (len(told["changed"]), told["more"]) == (40, 21)
    assert sum(len(one["reports"]) for one in told["changed"]) <= 240
    assert [700, 0.0] in told["changed"][0]["reports"]
    assert len(json.dumps(told)) < 32_000


def test_fifty_who_watch_see_the_same(calls: Calls) -> None:
    path = calls.study("watched")
    streams = [calls.watch(f"{path}/events") for _ in range(50)]
    assert {stream.next().name for stream in streams} == {"status"}
    trial = calls.lease(path)
    for step in range(1, 8):
        calls.report(path, trial, (step, 1 / step))
    for stream in streams:
        told = stream.until(lambda event: 7 in curve_of([event], 0))
        assert curve_of(told, 0) == {step: 1 / step for step in range(1, 8)}


def test_what_an_optuna_script_writes_beside_the_service_is_told(own_calls: Calls) -> None:
    path = own_calls.study("shared")
    stream = own_calls.watch(f"{path}/events")
    stream.next()
    url = own_calls.served.app.state.container.engine.database.url
    beside = optuna.load_study(study_name="shared", storage=str(url), sampler=optuna.samplers.RandomSampler())
    trial = beside.ask({"learning_rate": optuna.distributions.FloatDistribution(1e-6, 1.0, log=True)})
    trial.report(0.5, 1)
    beside.tell(trial, 0.25)
    told = stream.until(lambda event: any(one["state"] == "complete" for one in trials_of([event])))
    assert curve_of(told, 0) == {1: 0.5}
    assert trials_of(told)[-1]["value"] == 0.25


def test_a_stream_of_some_seconds_ends_by_itself(calls: Calls) -> None:
    path = calls.study("brief")
    assert calls.watch(f"{path}/events?for_seconds=0").rest() == ["status"]
    assert calls.watch(f"{path}/events?for_seconds=0.3").rest() == ["status"]


@pytest.mark.parametrize("address", ["{}/events", "/v1/events"])
def test_who_looks_in_for_no_time_is_told_what_came_after_an_id_that_is_known_or_not(
    calls: Calls, address: str
) -> None:
    path = calls.study(f"looked-at-{len(address)}")
    looking = address.format(path) + "?for_seconds=0"
    first = "begin" if address == "/v1/events" else "status"
    assert calls.watch(looking, last="7.elsewhere.3.4").rest() == [first]
    last = calls.watch(looking).next().id
    calls.lease(path)
    assert calls.watch(looking, last=last).rest() == ["study" if first == "begin" else "change"]


def test_all_of_it_is_documented_with_an_example(calls: Calls) -> None:
    page = calls.ask("GET", "/openapi.json")["paths"]
    for path in ("/v1/studies/{study}/events", "/v1/events"):
        example = page[path]["get"]["responses"]["200"]["content"]["text/event-stream"]["example"]
        assert "event: gone" in example
