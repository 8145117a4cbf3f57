"""`GET /v1/events`: which studies change, to who may see them."""

import pytest

from tests.api.events.conftest import Calls, Event


def test_studies_that_are_made_changed_and_deleted_are_told(own_calls: Calls) -> None:
    stream = own_calls.watch("/v1/events")
    assert stream.next().name == "begin"
    path = own_calls.study("told")
    assert stream.next().data["study"] == "told"
    trial = own_calls.lease(path)
    own_calls.finish(path, trial, value=0.5)
    last = stream.until(lambda event: event.data.get("best") == 0.5)[-1]
    assert last.data["trials"]["complete"] == 1
    assert last.data["version"] == own_calls.ask("GET", f"{path}/status")["version"]
    own_calls.ask("DELETE", path)
    gone = stream.next()
    assert (gone.name, gone.data) == ("gone", {"study": "told"})


def test_who_comes_again_gets_the_studies_that_changed_meanwhile(own_calls: Calls) -> None:
    begun = own_calls.watch("/v1/events").next()
    for name in ("one", "two"):
        own_calls.study(name)
    stream = own_calls.watch("/v1/events", last=begun.id)
    assert {stream.next().data["study"] for _ in range(2)} == {"one", "two"}


def test_an_id_of_another_process_begins_anew(own_calls: Calls) -> None:
    assert own_calls.watch("/v1/events", last="0.elsewhere.3.0").next().name == "begin"


def test_only_studies_in_scope_are_told(own_calls: Calls) -> None:
    admin = own_calls.ask("POST", "/v1/tokens", {"role": "admin"})["secret"]
    own_calls.http.headers["Authorization"] = f"Bearer {admin}"
    viewer = own_calls.ask("POST", "/v1/tokens", {"role": "viewer", "scopes": ["cifar-*"]})["secret"]
    stream = own_calls.watch("/v1/events", Authorization=f"Bearer {viewer}")
    stream.next()
    for name in ("mnist-1", "cifar-1"):
        own_calls.study(name)
    assert stream.next().data["study"] == "cifar-1"
    own_calls.ask("DELETE", "/v1/studies/mnist-1")
    own_calls.ask("DELETE", "/v1/studies/cifar-1")

    def is_gone(event: Event) -> bool:
        return event.name == "gone"

    assert {event.data["study"] for event in stream.until(is_gone)} == {"cifar-1"}


@pytest.mark.parametrize("path", ["/v1/events", "/v1/studies/cifar-1/events"])
def test_a_stream_is_broken_off_when_its_token_ends(own_calls: Calls, path: str) -> None:
    own_calls.study("cifar-1")
    admin = own_calls.ask("POST", "/v1/tokens", {"role": "admin"})["secret"]
    own_calls.http.headers["Authorization"] = f"Bearer {admin}"
    viewer = own_calls.ask("POST", "/v1/tokens", {"role": "viewer", "limits": {"streams": 1}})
    told = {"Authorization": f"Bearer {viewer['secret']}"}
    stream = own_calls.watch(path, **told)
    stream.next()
    assert own_calls.http.get(f"{path}?for_seconds=0", headers=told).status_code == 429, "it counts as open"
    own_calls.ask("DELETE", f"/v1/tokens/{viewer['id']}")
    with pytest.raises(Exception, match=r"closed|incomplete"):
        stream.rest()
    assert own_calls.http.get(path, headers=told).status_code == 401
