import httpx2
import pytest

from lrtune import Client, LrtuneError, ServiceError, ServiceUnreachable, VersionRefused
from lrtune.service.wire.search_space import FloatParameter
from tests.fake_service import STUDY, FakeService, problem


def test_the_fields_at_fault_are_named_in_one_line(client: Client, service: FakeService) -> None:
    errors = [
        {"loc": ["body", "search_space", "learning_rate", "low"], "msg": "must be > 0"},
        {"loc": ["body", "colour"], "msg": "unknown field"},
    ]
    service.fault = lambda _: problem(422, errors=errors)
    with pytest.raises(ServiceError) as caught:
        client.create_study("s")
    assert str(caught.value) == "search_space.learning_rate.low: must be > 0; colour: unknown field (422)"
    assert caught.value.problem.status == 422


def test_an_answer_of_someone_else_reads_well(client: Client, service: FakeService) -> None:
    service.fault = lambda _: httpx2.Response(400, text="<html>\nBad Gateway of someone else</html>")
    told = r"http://service does not answer like .*GET /v1/studies/s was answered 400 .*'<html> Bad.*check --server"
    with pytest.raises(ServiceUnreachable, match=told):
        client.study("s")


def test_a_search_space_may_be_plain_or_wire_models(client: Client, service: FakeService) -> None:
    space = {
        "learning_rate": FloatParameter(type="float", low=1e-5, high=1.0, log=True),
        "batch_size": {"type": "categorical", "choices": (32, 64)},
    }
    client.create_study("t", search_space=space, sampler="tpe", max_trials=3)
    sent = service.bodies("/v1/studies")[0]
    assert sent["search_space"]["learning_rate"] == {"type": "float", "low": 1e-5, "high": 1.0, "log": True}
    assert sent["search_space"]["batch_size"]["choices"] == [32, 64]
    assert sent["sampler"] == {"name": "tpe"}
    assert sent["max_trials"] == 3


def test_lists_are_read_page_by_page() -> None:
    pages = {None: ("a", "2"), "2": ("b", None)}

    def service(request: httpx2.Request) -> httpx2.Response:
        name, following = pages[request.url.params.get("cursor")]
        return httpx2.Response(200, json={"items": [{**STUDY, "name": name}], "next_cursor": following})

    with Client("http://service", transport=httpx2.MockTransport(service)) as client:
        assert [study.name for study in client.studies()] == ["a", "b"]


def test_the_server_comes_from_the_environment_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LRTUNE_SERVER", raising=False)
    assert Client().server == "http://127.0.0.1:8080"
    monkeypatch.setenv("LRTUNE_SERVER", "http://gpu-master:9000/")
    assert Client().server == "http://gpu-master:9000"
    assert Client("https://other").server == "https://other"


@pytest.mark.parametrize("address", ["gpu-master:8080", "ftp://x", "http://"])
def test_an_address_that_is_none_says_how_to_write_it(address: str) -> None:
    with pytest.raises(LrtuneError, match="write http://HOST:PORT"):
        Client(address)


def test_nothing_at_the_address_says_what_to_do() -> None:
    with (
        Client("http://127.0.0.1:1", retry_seconds=0) as client,
        pytest.raises(ServiceUnreachable, match=r"http://127\.0\.0\.1:1 \(connection refused\).*LRTUNE_SERVER"),
    ):
        client.study("s")


def test_a_stranger_at_the_address_is_recognised(client: Client, service: FakeService) -> None:
    service.fault = lambda _: httpx2.Response(200, json={"hello": "world"})
    with pytest.raises(LrtuneError, match="does not answer like an lrtune service"):
        client.study("s")


def test_a_version_that_is_not_spoken_is_not_asked_for_again(client: Client, service: FakeService) -> None:
    service.fault = lambda _: problem(426, "version-not-spoken", detail="upgrade the client: pip install lrtune==9")
    with pytest.raises(VersionRefused, match=r"^upgrade the client: pip install lrtune==9 \(426\); this is lrtune \d"):
        client.study("s")
    assert len(service.calls) == 1


def test_every_request_says_what_version_it_speaks() -> None:
    told = []

    def service(request: httpx2.Request) -> httpx2.Response:
        told.append(request.headers.get_list("lrtune-version"))
        return httpx2.Response(200, json=STUDY)

    with Client("http://service", transport=httpx2.MockTransport(service)) as client:
        client.study("s")
        client.create_study("s", if_exists="load")
    assert told == [["1"], ["1"]]
