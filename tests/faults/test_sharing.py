"""Processes of the service that share a database: whichever is asked, the owner of a study answers."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from lrtune.service.storage.memory.shards import SHARDS
from tests.benchmarks.faults.services import Service
from tests.benchmarks.processes import BenchError
from tests.benchmarks.shards.steady import SteadyLoad
from tests.conftest import new_postgres
from tests.faults.conftest import until

NAMES = [f"shared-{number}" for number in range(16)]
SPEC = {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "max_steps": 100_000, "prior": "none"}


def started(url: str, folder: Path, name: str) -> Service:
    """A process that advertises its address."""
    return Service(url, folder / f"{name}.log", advertise="http://127.0.0.1:0")


@pytest.fixture(scope="module")
def pair(postgres_admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Service]]:
    """Two processes with half of the shards each; tests of a file share them, in their order."""
    folder = tmp_path_factory.mktemp("pair")
    with (
        new_postgres(postgres_admin_url) as url,
        started(url, folder, "first") as first,
        started(url, folder, "second") as second,
    ):
        until(lambda: shards_of(first) == shards_of(second) == SHARDS // 2, 60)
        yield first, second


def shards_of(service: Service) -> int:
    return int(httpx2.get(f"{service.address}/readyz").json().get("shards", -1))


def serving(pid: int) -> set[int]:
    """The processes that `--processes` has started."""
    children = {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    return {child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()}


def created(client: httpx2.Client, name: str) -> None:
    answer = client.post("/v1/studies", json={"name": name, **SPEC})
    assert answer.status_code == 201, answer.text


def test_whichever_process_is_asked_a_study_is_made_trained_and_read(pair: tuple[Service, Service]) -> None:
    first, second = (httpx2.Client(base_url=service.address, timeout=60) for service in pair)
    sent_on = 0
    for name in NAMES:
        created(first, name)
        asked = second.post(f"/v1/studies/{name}/trials", json={"worker": "w"})
        assert asked.status_code == 201, asked.text
        lease = asked.json()["lease"]
        sent_on += "lrtune-owner" in asked.headers
        for step, client in enumerate((first, second, first), start=1):
            reports = {"lease": lease, "reports": [{"step": step, "value": 1.0 / step}]}
            answer = client.post(f"/v1/studies/{name}/trials/0/reports", json=reports)
            assert answer.status_code == 200, answer.text
        seen = [client.get(f"/v1/studies/{name}/trials/0").json()["curve"] for client in (first, second)]
        assert seen[0] == seen[1]
        assert len(seen[0]) == 3
        assert first.get(f"/studies/{name}").status_code == second.get(f"/studies/{name}").status_code == 200
    assert 0 < sent_on < len(NAMES)
    comparison = {"study": NAMES[:4]}
    assert {client.get("/compare", params=comparison).status_code for client in (first, second)} == {200}

    def both_list_them() -> bool:
        pages = [client.get("/v1/studies").json()["items"] for client in (first, second)]
        return all([item["name"] for item in page] == sorted(NAMES) for page in pages)

    until(both_list_them)
    assert first.post("/v1/studies", json={"name": NAMES[0], **SPEC}).status_code == 409
    assert second.get("/v1/studies/nothing/status").json()["type"] == "study-not-found"


def test_events_of_a_study_come_through_the_process_that_does_not_serve_it(pair: tuple[Service, Service]) -> None:
    first, second = (httpx2.Client(base_url=service.address, timeout=60) for service in pair)
    names = [f"watched-{number}" for number in range(16)]
    name = next(n for n in names if "lrtune-owner" in second.post("/v1/studies", json={"name": n, **SPEC}).headers)
    with second.stream("GET", f"/v1/studies/{name}/events", timeout=20) as events:
        lines = events.iter_lines()
        assert next(line for line in lines if line.startswith("data:"))
        first.post(f"/v1/studies/{name}/trials", json={"worker": "w"})
        assert next(line for line in lines if '"running":1' in line.replace(" ", ""))


def test_no_request_fails_while_a_process_ends_joins_and_is_killed(pair: tuple[Service, Service]) -> None:
    first, second = pair
    client = httpx2.Client(base_url=first.address, timeout=30)
    names = [f"moved-{number}" for number in range(16)]
    for name in names:
        created(client, name)
    with SteadyLoad(first.address, names) as load:

        def all_go_on() -> bool:
            return all(load.reports[name] > before[name] for name in names)

        before = dict.fromkeys(names, 0)
        until(all_go_on, 60)
        second.end()
        until(lambda: shards_of(first) == SHARDS, 60)
        before = dict(load.reports)
        until(all_go_on, 60)
        second.start()
        until(lambda: shards_of(first) == shards_of(second) == SHARDS // 2, 60)
        before = dict(load.reports)
        until(all_go_on, 60)
        second.kill()
        until(lambda: shards_of(first) == SHARDS, 60)
        before = dict(load.reports)
        until(all_go_on, 60)
    assert load.failed == []
    for name, count in load.reports.items():
        trials = client.get(f"/v1/studies/{name}/trials").json()["items"]
        assert [trial["number"] for trial in trials] == [0], "one lease each, by its request id"
        assert len(client.get(f"/v1/studies/{name}/trials/0").json()["curve"]) >= count


def test_what_only_a_single_process_can_offer_is_refused(migrated_postgres_url: str, tmp_path: Path) -> None:
    log = tmp_path / "refused.log"
    refused = Service(migrated_postgres_url, log, advertise="http://127.0.0.1:0", dashboard="true")
    with pytest.raises(BenchError), refused:
        pass
    assert "--dashboard and --advertise (LRTUNE_ADVERTISE) exclude each other" in " ".join(log.read_text().split())


def test_a_stranger_is_refused_before_the_body_is_read(migrated_postgres_url: str, tmp_path: Path) -> None:
    with started(migrated_postgres_url, tmp_path, "guarded") as service:
        client = httpx2.Client(base_url=service.address, timeout=30)
        until(lambda: shards_of(service) == SHARDS, 60)
        created(client, "guarded")
        assert client.post("/v1/tokens", json={"role": "admin"}).status_code == 201
        until(lambda: client.get("/v1/me").status_code == 401)
        for method, path in (("POST", "/v1/studies"), ("PATCH", "/v1/studies/guarded")):
            address = httpx2.URL(service.address)
            with socket.create_connection((address.host, address.port or 80), timeout=20) as line:
                line.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4000000\r\n\r\n".encode())
                assert line.recv(12) == b"HTTP/1.1 401"


def test_processes_on_one_port_share_the_studies_and_one_that_is_killed_is_started_again(
    migrated_postgres_url: str, tmp_path: Path
) -> None:
    with Service(migrated_postgres_url, tmp_path / "both.log", processes="2") as both:
        client = httpx2.Client(base_url=both.address, timeout=30)
        until(lambda: shards_of(both) == SHARDS // 2)
        for name in NAMES:
            created(client, name)
        child = next(iter(serving(both.pid)))
        os.kill(child, signal.SIGKILL)
        until(lambda: len(serving(both.pid)) == 2 and child not in serving(both.pid))
        until(lambda: shards_of(both) == SHARDS // 2)
        for name in NAMES:
            assert client.post(f"/v1/studies/{name}/trials", json={"worker": "w"}).status_code == 201
        serving_at_the_end = serving(both.pid)
    assert not [pid for pid in serving_at_the_end if Path(f"/proc/{pid}").exists()]
