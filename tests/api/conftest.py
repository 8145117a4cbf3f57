import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.api.calls import Json, StudyCalls
from tests.conftest import new_postgres
from tests.support import migrated
from tests.support.clock import Clock

NewStudy = Callable[..., StudyCalls]


@contextmanager
def serving(storage: str) -> Iterator[TestClient]:
    """The service over `storage`; what fails inside it is answered as it would be on the network."""
    migrated.make(storage)
    with TestClient(create_app(Settings(storage=storage, dashboard=True)), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service on SQLite that the tests of a file share, each with studies of its own.

    Not those of all files: its threads would go on, and log, beside whatever else is tested in this process.
    """
    with serving(f"sqlite:///{tmp_path_factory.mktemp('api')}/shared.db") as client:
        yield client


@pytest.fixture
def own_client(tmp_path: object) -> Iterator[TestClient]:
    """A service on SQLite that no other test has touched."""
    with serving(f"sqlite:///{tmp_path}/own.db") as client:
        yield client


@pytest.fixture(scope="module")
def postgres_client(postgres_admin_url: str) -> Iterator[TestClient]:
    """A service on PostgreSQL that the tests of a file share."""
    with new_postgres(postgres_admin_url) as url, serving(url) as client:
        yield client


@pytest.fixture(params=["sqlite", "postgresql"])
def each_client(request: pytest.FixtureRequest) -> TestClient:
    """The shared service on SQLite, then the one on PostgreSQL."""
    client: TestClient = request.getfixturevalue("client" if request.param == "sqlite" else "postgres_client")
    return client


_numbers = itertools.count()


def create(client: TestClient, **spec: object) -> StudyCalls:
    """A new study."""
    body: Json = {"name": f"study-{next(_numbers)}", **spec}
    response = client.post("/v1/studies", json=body)
    assert response.status_code == 201, response.text
    return StudyCalls(client, body["name"])


@pytest.fixture
def new_study(client: TestClient) -> NewStudy:
    """Makes studies that know nothing of those of other tests in the same database."""
    return lambda **spec: create(client, **{"prior": "none", **spec})


@pytest.fixture
def study(new_study: NewStudy) -> StudyCalls:
    """A study of the default learning rate, drawn at random, five steps a trial, nothing pruned."""
    return new_study(sampler={"name": "random"}, pruner={"name": "none"}, max_steps=5)


@pytest.fixture
def each_study(each_client: TestClient) -> NewStudy:
    """Makes studies on SQLite, then on PostgreSQL; they know nothing of those of other tests."""
    return lambda **spec: create(each_client, **{"prior": "none", **spec})


@pytest.fixture
def clock(own_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Both clocks of `own_client`."""
    clock = Clock()
    for which in ("clock", "elapsed"):
        monkeypatch.setattr(own_client.app.state.container.engine.mirrors, which, clock)  # type: ignore[attr-defined]
    return clock


@pytest.fixture
def timed_study(own_client: TestClient, clock: Clock) -> NewStudy:
    """Makes studies whose leases last 60 s of `clock`, and of which nothing is pruned."""
    defaults = {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "max_steps": 9, "lease_ttl_seconds": 60}
    return lambda **spec: create(own_client, **{**defaults, **spec})


@pytest.fixture
def own_study_with_short_leases(own_client: TestClient) -> NewStudy:
    """Makes studies whose leases last a second of real time."""
    return lambda **spec: create(own_client, **{"lease_ttl_seconds": 1, **spec})
