"""Optuna's gRPC port asks for tokens as the HTTP API does."""

import asyncio
import contextlib
import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import optuna
import pytest
from optuna.storages import GrpcStorageProxy
from optuna.storages._grpc.auto_generated import api_pb2, api_pb2_grpc
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from starlette.testclient import TestClient

from lrtune.service.access.limits import Limiter, TooManyRequests
from lrtune.service.access.optuna_doors import CALLS
from lrtune.service.access.principal import Principal
from lrtune.service.api.optuna.limiting import CallLimits
from lrtune.service.app import create_app
from lrtune.service.optuna_client import ServiceStorage
from lrtune.service.settings import Settings
from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.wire.access.secrets import new_secret
from tests.api.calls import Json
from tests.api.test_tokens import bearer, made
from tests.support import migrated

UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
METHODS = [method.name for method in api_pb2.DESCRIPTOR.services_by_name["StorageService"].methods]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    storage = f"sqlite:///{tmp_path_factory.mktemp('grpc')}/lrtune.db"
    migrated.make(storage)
    with TestClient(create_app(Settings(storage=storage, optuna_port=0))) as client:
        client.get("/v1/studies")
        yield client


@pytest.fixture(scope="module")
def port(client: TestClient) -> int:
    return int(client.app.state.optuna_address.rpartition(":")[2])  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def admin(client: TestClient, port: int) -> Json:
    open_yet = GrpcStorageProxy(host="127.0.0.1", port=port)
    open_yet.create_new_study([StudyDirection.MINIMIZE], "cifar-1")
    open_yet.create_new_study([StudyDirection.MINIMIZE], "mnist")
    return made(client, role="admin")


Storage = Callable[..., ServiceStorage]


@pytest.fixture
def of(client: TestClient, port: int, admin: Json) -> Storage:
    """A storage with a token of its own."""

    def storage(role: str, *scopes: str) -> ServiceStorage:
        token = made(client, admin, role=role, scopes=list(scopes) or ["*"])
        return ServiceStorage(host="127.0.0.1", port=port, token=token["secret"])

    return storage


def refused(call: Callable[[], Any], status: grpc.StatusCode) -> str:
    """The reason why a call was refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert caught.value.code() is status  # type: ignore[attr-defined]
    return str(caught.value.details())  # type: ignore[attr-defined]


def answered(port: int, token: str) -> grpc.StatusCode:
    """The status of a call by a client that waits for nothing."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = api_pb2_grpc.StorageServiceStub(channel).GetAllStudies  # type: ignore[no-untyped-call]
        _, made = call.with_call(api_pb2.GetAllStudiesRequest(), metadata=[("authorization", f"Bearer {token}")])
        code: grpc.StatusCode = made.code()
        return code


def test_every_method_of_the_protocol_has_a_row_and_no_row_names_another() -> None:
    assert sorted(CALLS) == sorted(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_without_a_token_no_method_answers(port: int, admin: Json, method: str) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = api_pb2_grpc.StorageServiceStub(channel)  # type: ignore[no-untyped-call]
        request = getattr(api_pb2, f"{method}Request")()
        reason = refused(lambda: getattr(stub, method)(request), UNAUTHENTICATED)
        assert "Authorization: Bearer" in reason
        two = [("authorization", f"Bearer {admin['secret']}")] * 2
        refused(lambda: getattr(stub, method)(request, metadata=two), UNAUTHENTICATED)


def test_a_method_that_nobody_knows_is_an_admins(port: int, client: TestClient, admin: Json) -> None:
    viewer = made(client, admin, role="worker")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/optuna.StorageService/DropEverything")
        for token, status in ((viewer, DENIED), (admin, grpc.StatusCode.UNIMPLEMENTED)):
            metadata = [("authorization", f"Bearer {token['secret']}")]
            refused(lambda: call(b"", metadata=metadata), status)  # noqa: B023


def test_a_wrong_token_is_told_so(port: int, admin: Json) -> None:
    storage = ServiceStorage(host="127.0.0.1", port=port, token=new_secret())
    assert "no such token" in refused(storage.get_all_studies, UNAUTHENTICATED)


def test_a_revoked_token_ends_at_once(client: TestClient, port: int, admin: Json) -> None:
    token = made(client, admin, role="viewer")
    storage = ServiceStorage(host="127.0.0.1", port=port, token=token["secret"])
    assert storage.get_all_studies()
    client.delete(f"/v1/tokens/{token['id']}", headers=bearer(admin))
    assert "was revoked" in refused(storage.get_all_studies, UNAUTHENTICATED)


def test_a_viewer_looks_and_changes_nothing(of: Storage) -> None:
    viewer = of("viewer")
    study_id = viewer.get_study_id_from_name("cifar-1")
    assert viewer.get_all_trials(study_id) == []
    for call in (
        lambda: viewer.create_new_trial(study_id),
        lambda: viewer.set_study_user_attr(study_id, "a", 1),
        lambda: viewer.set_study_system_attr(study_id, "a", 1),
        lambda: viewer.create_new_study([StudyDirection.MINIMIZE], "cifar-1"),
        lambda: viewer.delete_study(study_id),
    ):
        assert "has viewer" in refused(call, DENIED)


def test_a_worker_trains_in_studies_that_are_there(of: Storage) -> None:
    worker = of("worker")
    study = optuna.create_study(study_name="cifar-1", storage=worker, load_if_exists=True)
    study.optimize(lambda trial: trial.suggest_float("learning_rate", 1e-4, 1, log=True), n_trials=2)
    study.add_trial(create_trial(value=0.5))
    study_id = worker.get_study_id_from_name("cifar-1")
    worker.set_study_system_attr(study_id, "sampler:state", 1)
    for call in (
        lambda: worker.create_new_study([StudyDirection.MINIMIZE], "new"),
        lambda: study.enqueue_trial({"learning_rate": 0.1}),
        lambda: worker.set_study_system_attr(study_id, "lrtune:spec", {}),
        lambda: worker.set_study_user_attr(study_id, "a", 1),
        lambda: worker.delete_study(study_id),
    ):
        assert "needs the role admin" in refused(call, DENIED)


@pytest.mark.parametrize("key", ["lrtune:ladder_steps", "lrtune:outcome", "dashboard:note_ver:1"])
def test_what_lrtune_and_people_decide_by_is_no_workers_to_write(of: Storage, key: str) -> None:
    worker, admin = of("worker"), of("admin")
    study_id = worker.get_study_id_from_name("cifar-1")
    trial = worker.create_new_trial(study_id)
    for call in (
        lambda: worker.set_trial_system_attr(trial, key, "x"),
        lambda: worker.set_study_system_attr(study_id, key, "x"),
        lambda: worker.create_new_trial(study_id, create_trial(value=0.5, system_attrs={key: "x"})),
    ):
        assert "needs the role admin" in refused(call, DENIED)
    worker.set_trial_system_attr(trial, "sampler:state", 1)
    worker.create_new_trial(study_id, create_trial(value=0.5, system_attrs={"sampler:state": 1}))
    admin.set_trial_system_attr(trial, key, 1)
    admin.create_new_trial(study_id, create_trial(value=0.5, system_attrs={key: 1}))


def test_an_admin_does_all_of_it(of: Storage) -> None:
    admin = of("admin", "own-*")
    study_id = admin.create_new_study([StudyDirection.MINIMIZE], "own-1")
    admin.set_study_user_attr(study_id, "a", 1)
    optuna.load_study(study_name="own-1", storage=admin).enqueue_trial({"learning_rate": 0.1})
    admin.delete_study(study_id)
    assert "own-*" in refused(lambda: admin.create_new_study([StudyDirection.MINIMIZE], "other"), DENIED)


def test_a_token_reaches_the_studies_in_its_scope_however_they_are_named(of: Storage) -> None:
    everywhere, scoped = of("worker"), of("worker", "cifar-*")
    mnist = everywhere.get_study_id_from_name("mnist")
    trial = everywhere.create_new_trial(mnist)
    assert [study.study_name for study in scoped.get_all_studies()] == ["cifar-1"]
    assert "'mnist'" in refused(lambda: scoped.get_study_id_from_name("mnist"), DENIED)
    with pytest.raises(KeyError):
        scoped.set_trial_state_values(trial, TrialState.FAIL)
    assert everywhere.get_trial(trial).state is TrialState.RUNNING
    assert scoped.get_study_name_from_id(scoped.get_study_id_from_name("cifar-1")) == "cifar-1"


BY_ID = [name for name, call in CALLS.items() if call.concerns in ("study_id", "trial_id")]


@pytest.mark.parametrize("method", BY_ID)
def test_an_id_out_of_scope_is_answered_as_one_that_there_is_not(of: Storage, method: str) -> None:
    everywhere, scoped = of("admin"), of("admin", "cifar-*")
    mnist = everywhere.get_study_id_from_name("mnist")
    numbers = {"study_id": mnist, "trial_id": everywhere.create_new_trial(mnist)}
    concerned = CALLS[method].concerns
    call, request = getattr(scoped._stub, method), getattr(api_pb2, f"{method}Request")
    told = [
        refused(lambda: call(request(**{concerned: number})), grpc.StatusCode.NOT_FOUND).replace(str(number), "?")  # noqa: B023
        for number in (numbers[concerned], 10**6)
    ]
    assert told[0] == told[1]
    assert "mnist" not in told[0]
    assert everywhere.get_study_name_from_id(mnist) == "mnist"


def test_to_create_a_study_out_of_scope_is_refused_alike_whether_it_exists_or_not(of: Storage) -> None:
    scoped = of("worker", "cifar-*")
    there, absent = (
        refused(lambda: scoped.create_new_study([StudyDirection.MINIMIZE], name), DENIED).replace(name, "?")  # noqa: B023
        for name in ("mnist", "new")
    )
    assert there == absent


def test_a_storage_may_be_pickled_and_shows_its_token_to_nobody(of: Storage) -> None:
    storage = of("viewer")
    assert storage._token is not None
    assert storage._token not in repr(storage)
    assert pickle.loads(pickle.dumps(storage)).get_all_studies()


def test_a_token_from_a_file_that_was_renewed_is_read_anew(
    client: TestClient, port: int, admin: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, file = made(client, admin, role="viewer"), tmp_path / "token"
    file.touch(0o600)
    file.write_text(token["secret"])
    monkeypatch.setenv("LRTUNE_TOKEN_FILE", str(file))
    storage = ServiceStorage(host="127.0.0.1", port=port)
    assert storage.get_all_studies()
    rotated = client.post(f"/v1/tokens/{token['id']}/rotate", json={}, headers=bearer(admin)).json()
    refused(storage.get_all_studies, UNAUTHENTICATED)
    file.write_text(rotated["secret"])
    assert storage.get_all_studies()


def test_a_token_that_goes_over_the_network_unencrypted_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="unencrypted"):
        ServiceStorage(host="192.0.2.1", token=new_secret()).close()


def test_a_tokens_limits_hold_here_too_and_its_storage_waits(client: TestClient, port: int, admin: Json) -> None:
    token = made(client, admin, role="worker", limits={"requests_per_second": 1})
    with pytest.raises(grpc.RpcError) as caught:
        _ = [answered(port, token["secret"]) for _ in range(10)]
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]
    assert dict(caught.value.trailing_metadata())["retry-after"] == "1"  # type: ignore[attr-defined]
    assert ServiceStorage(host="127.0.0.1", port=port, token=token["secret"]).get_all_studies()


def test_trials_that_are_begun_here_count_for_the_tokens_limit(client: TestClient, port: int, admin: Json) -> None:
    token = made(client, admin, role="worker", limits={"trials_per_hour": 1})
    metadata = [("authorization", f"Bearer {token['secret']}")]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = api_pb2_grpc.StorageServiceStub(channel)  # type: ignore[no-untyped-call]
        study = stub.GetStudyIdFromName(api_pb2.GetStudyIdFromNameRequest(study_name="mnist"), metadata=metadata)
        begin = api_pb2.CreateNewTrialRequest(study_id=study.study_id, template_trial_is_none=True)
        stub.CreateNewTrial(begin, metadata=metadata)
        assert "hour" in refused(
            lambda: stub.CreateNewTrial(begin, metadata=metadata), grpc.StatusCode.RESOURCE_EXHAUSTED
        )


def limited(client: TestClient, port: int, admin: Json, **limits: int) -> ServiceStorage:
    token = made(client, admin, role="admin", limits=limits)
    return ServiceStorage(host="127.0.0.1", port=port, token=token["secret"])


def test_studies_that_are_created_here_count_for_the_tokens_limit(client: TestClient, port: int, admin: Json) -> None:
    storage = limited(client, port, admin, studies=1)
    first = storage.create_new_study([StudyDirection.MINIMIZE], "of-one-1")

    def create() -> int:
        return storage.create_new_study([StudyDirection.MINIMIZE], "of-one-2")

    assert "1 studies at a time" in refused(create, grpc.StatusCode.RESOURCE_EXHAUSTED)
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        storage.create_new_study([StudyDirection.MINIMIZE], "of-one-1")
    storage.delete_study(first)
    storage.delete_study(create())


def test_a_message_beyond_the_tokens_limit_of_bytes_is_refused(client: TestClient, port: int, admin: Json) -> None:
    storage = limited(client, port, admin, body_bytes=1024)
    study_id = storage.get_study_id_from_name("mnist")
    storage.set_study_user_attr(study_id, "small", "x" * 100)
    large = refused(
        lambda: storage.set_study_user_attr(study_id, "large", "x" * 2000), grpc.StatusCode.RESOURCE_EXHAUSTED
    )
    assert "body_bytes" in large


def test_no_worker_creates_a_study_that_is_deleted_while_it_calls(
    client: TestClient, of: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, storage = of("worker"), client.app.state.container.engine  # type: ignore[attr-defined]
    names = storage.study_names
    monkeypatch.setattr(storage, "study_names", lambda: {**names(), "just-deleted": 10**6})
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        worker.create_new_study([StudyDirection.MINIMIZE], "just-deleted")
    assert "just-deleted" not in names()


def test_a_tokens_expiry_is_judged_by_the_clock_of_the_engine(
    client: TestClient, port: int, admin: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = made(client, admin, role="viewer", expires_in_seconds=3600)
    storage = ServiceStorage(host="127.0.0.1", port=port, token=token["secret"])
    assert storage.get_all_studies()
    mirrors = client.app.state.container.engine.mirrors  # type: ignore[attr-defined]
    clock = mirrors.clock
    monkeypatch.setattr(mirrors, "clock", lambda: clock() + 4000)
    assert "expired" in refused(storage.get_all_studies, UNAUTHENTICATED)


def test_a_token_without_limits_does_not_wait_for_the_event_loop_and_one_with_limits_is_told_that_it_is_held_up() -> (
    None
):
    loop, gate = asyncio.new_event_loop(), Limiter()  # It never runs.
    limits = CallLimits(gate, loop, patience_seconds=0.01)
    free = Principal.of("worker", ["*"], token_id="a")
    assert gate.is_free(free)
    with limits.taking(free, None):
        pass
    with pytest.raises(StorageUnavailable, match="too busy"), limits.taking(replace(free, token_id="b"), None):
        pass
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_each_wrong_token_is_counted_whether_its_answer_waits_or_not() -> None:
    async def flood() -> list[str]:
        counted: list[str] = []
        limits = CallLimits(Limiter(on_wrong=counted.append), asyncio.get_running_loop())

        def wrong() -> None:
            with contextlib.suppress(TooManyRequests):
                limits.wrong("10.0.0.7", "unknown")

        with ThreadPoolExecutor(12) as senders:
            waiting = [asyncio.wrap_future(senders.submit(wrong)) for _ in range(12)]
            await asyncio.gather(*waiting)
        return counted

    assert asyncio.run(flood()) == ["unknown"] * 12


def test_many_wrong_tokens_wait_and_an_honest_call_does_not(port: int, of: Storage) -> None:
    honest = of("viewer")

    def wrong() -> float:
        begun = time.perf_counter()
        status = (UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED)
        with pytest.raises(grpc.RpcError) as caught:
            answered(port, new_secret())
        assert caught.value.code() in status  # type: ignore[attr-defined]
        return time.perf_counter() - begun

    with ThreadPoolExecutor(16) as senders:
        flood = [senders.submit(wrong) for _ in range(60)]
        begun = time.perf_counter()
        for _ in range(20):
            assert honest.get_all_studies()
        assert time.perf_counter() - begun < 20
        assert max(call.result() for call in flood) > 0.045
