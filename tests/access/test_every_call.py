"""Every call of Optuna's gRPC protocol × role × token: who may make it does, and nobody else; and none is without a
row. Which study a call concerns, and scopes, are looked at in `tests/api/test_optuna_access.py`."""

import itertools
from collections.abc import Iterator

import grpc
import pytest
from optuna.storages._grpc.auto_generated import api_pb2, api_pb2_grpc
from starlette.testclient import TestClient

from lrtune.service.api.optuna import letting_in
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.access.conftest import ROLES, STATES, Secured, secret_in_state, secure, set_clock
from tests.access.promised import GRPC
from tests.support import migrated

UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
_SERVICE = api_pb2.DESCRIPTOR.services_by_name["StorageService"]


@pytest.fixture(scope="module")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A service with Optuna's port, and tokens for all studies of every role and state."""
    url = f"sqlite:///{tmp_path_factory.mktemp('calls')}/lrtune.db"
    migrated.make(url)
    addresses = (f"10.0.{high}.{low}" for high in range(256) for low in range(256))
    with pytest.MonkeyPatch.context() as patch:
        # Each call from an address of its own: who sends many wrong tokens from one is refused for a while.
        patch.setattr(letting_in, "address_of", lambda _: next(addresses))
        with TestClient(create_app(Settings(storage=url, optuna_port=0))) as client:
            secured = secure(client)
            clock = set_clock(client, patch)
            for role, state in itertools.product(ROLES, STATES):
                clock.now += 1
                secured.secrets[role, "everywhere", state] = secret_in_state(secured, clock, role, "*", state)
            clock.now += 120
            yield secured


def _called(everyone: Secured, method: str, metadata: list[tuple[str, str]]) -> grpc.StatusCode:
    """The status of a call that says nothing: all else is refused behind the door."""
    address: str = everyone.client.app.state.optuna_address  # type: ignore[attr-defined]
    request = getattr(api_pb2, _SERVICE.methods_by_name[method].input_type.name)()
    with grpc.insecure_channel(address) as channel:
        stub = api_pb2_grpc.StorageServiceStub(channel)  # type: ignore[no-untyped-call]
        try:
            getattr(stub, method)(request, metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            found: grpc.StatusCode = error.code()  # type: ignore[attr-defined]
            return found
    return grpc.StatusCode.OK


@pytest.mark.parametrize("method", GRPC)
def test_a_call_is_answered_to_whom_it_is_promised_and_nobody_else(everyone: Secured, method: str) -> None:
    least = ROLES.index(GRPC[method])
    for (role, _, state), secret in everyone.secrets.items():
        status = _called(everyone, method, [("authorization", f"Bearer {secret}")])
        if state != "right":
            assert status is UNAUTHENTICATED, (role, state)
        elif ROLES.index(role) < least:
            assert status is DENIED, (role, state)
        else:
            assert status not in (UNAUTHENTICATED, DENIED), (role, state)
    right = ("authorization", f"Bearer {everyone.secrets['admin', 'everywhere', 'right']}")
    for metadata in ([], [right, right], [("authorization", "Basic x")], [("token", right[1])]):
        assert _called(everyone, method, metadata) is UNAUTHENTICATED, metadata


def test_every_grpc_method_has_a_row_and_every_row_a_method() -> None:
    assert {method.name for method in _SERVICE.methods} == set(GRPC), "promise in tests/access/promised.py who may call"
