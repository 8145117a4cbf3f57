import httpx2
import pytest

from lrtune import Client, LeasedTrial
from lrtune.service.wire.trials import NoTrial
from tests.fake_service import STUDY, TRIAL, FakeService


def test_the_old_name_of_leases_still_works_and_says_what_to_call(client: Client, service: FakeService) -> None:
    with pytest.warns(DeprecationWarning, match=r"call study\.leases\(\) .* study\.list\(\)") as warned:
        trials = client.study("s").trials(worker="me", anneals=True)
    assert warned[0].filename == __file__
    with next(trials) as trial:
        trial.complete(0.5)
    assert service.bodies("/trials")[0]["anneals"] is True


def test_the_old_way_to_run_a_study_still_works_and_says_what_to_call(client: Client, service: FakeService) -> None:
    with pytest.warns(DeprecationWarning, match=r"call lrtune\.run\(study, train\)") as warned:
        client.study("s").run(lambda trial: 0.5)
    assert warned[0].filename == __file__
    assert service.bodies("/result")[0]["value"] == 0.5


def test_ask_leases_one_trial_and_says_at_once_where_there_is_none(client: Client, service: FakeService) -> None:
    study = client.study("s")
    trial = study.ask("me", resumable=True)
    assert isinstance(trial, LeasedTrial)
    with trial:
        trial.complete(0.5)
    asked = service.bodies("/trials")[0]
    assert (asked["worker"], asked["anneals"], asked["resumable"]) == ("me", False, True)
    waits = {"done": False, "retry_after_seconds": 60}
    service.fault = lambda request: httpx2.Response(200, json=waits) if request.method == "POST" else None
    none = study.ask("me")
    assert isinstance(none, NoTrial)
    assert (none.done, none.retry_after_seconds) == (False, 60)


def test_list_is_every_trial_page_after_page(client: Client, service: FakeService) -> None:
    asked: list[dict[str, str]] = []

    def pages(request: httpx2.Request) -> httpx2.Response | None:
        if request.method != "GET" or not request.url.path.endswith("/trials"):
            return None
        asked.append(dict(request.url.params))
        first = "cursor" not in request.url.params
        items = [{**TRIAL, "number": number} for number in ((0, 1) if first else (2,))]
        return httpx2.Response(200, json={"items": items, "next_cursor": "two" if first else None})

    service.fault = pages
    trials = client.study("s").list(state="complete")
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert len(trials) == 3
    assert [(query["state"], query.get("cursor")) for query in asked] == [("complete", None), ("complete", "two")]


def test_update_sends_what_is_given_and_remembers_the_answer(client: Client, service: FakeService) -> None:
    def patched(request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(200, json={**STUDY, "max_trials": 40}) if request.method == "PATCH" else None

    service.fault = patched
    study = client.study("s")
    assert study.spec.max_trials == 2
    assert study.update(max_trials=40, max_total_steps=None).max_trials == 40
    assert study.spec.max_trials == 40
    assert service.calls[-1] == ("PATCH", "/v1/studies/s", {"max_trials": 40, "max_total_steps": None})


@pytest.mark.parametrize(
    ("length", "own_length", "warned"), [(None, False, True), (None, True, False), (3, False, False)]
)
def test_a_study_without_max_steps_is_told_of_before_a_trial_is_leased(
    length: int | None, own_length: bool, warned: bool, recwarn: pytest.WarningsRecorder
) -> None:
    service = FakeService()
    service.fault = lambda request: (
        httpx2.Response(200, json={**STUDY, "max_steps": length}) if request.url.path.endswith("/s") else None
    )
    with Client("http://service", transport=httpx2.MockTransport(service)) as client:
        study = client.study("s")
        seen = []
        for trial in study.leases(own_length=own_length):
            seen.append(any("Study s has no max_steps, so trial.max_steps is None" in str(w.message) for w in recwarn))
            trial.release()
        assert seen[0] is warned
