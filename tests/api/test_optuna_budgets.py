"""Trials that Optuna scripts begin over gRPC stay within a study's budgets, together with those of workers."""

import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import optuna
import pytest
from optuna.storages import GrpcStorageProxy
from optuna.testing.pytest_storages import StorageTestCase
from optuna.trial import TrialState
from starlette.testclient import TestClient

from lrtune.service.api.optuna.budgets import BudgetedStorage
from lrtune.service.app import create_app
from lrtune.service.optuna_client import ServiceStorage, TrialRefused
from lrtune.service.settings import Settings
from lrtune.service.storage import open_storage
from tests.api.calls import StudyCalls
from tests.api.conftest import create
from tests.api.moving.files import body
from tests.support import migrated

STATES = ("running", "waiting", "complete", "pruned", "diverged", "failed")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('budgets')}/lrtune.db"


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[TestClient]:
    migrated.make(url)
    with TestClient(create_app(Settings(storage=url, optuna_port=0))) as client:
        yield client


@pytest.fixture(scope="module")
def storage(client: TestClient) -> Iterator[ServiceStorage]:
    port = int(client.app.state.optuna_address.rpartition(":")[2])  # type: ignore[attr-defined]
    storage = ServiceStorage(host="127.0.0.1", port=port)
    yield storage
    storage.close()


@pytest.fixture
def study(client: TestClient) -> StudyCalls:
    return create(client, max_trials=3, max_steps=4, sampler={"name": "random"}, pruner={"name": "none"})


def script(study: StudyCalls, storage: GrpcStorageProxy) -> optuna.Study:
    return optuna.load_study(study_name=study.name, storage=storage, sampler=optuna.samplers.RandomSampler())


def objective(trial: optuna.Trial) -> float:
    return trial.suggest_float("learning_rate", 1e-6, 1.0, log=True)


def counts(study: StudyCalls) -> Counter[str]:
    found = study.get("/status")["trials"]
    return Counter({state: found[state] for state in STATES if found[state]})


def test_a_script_ends_with_a_message_when_the_trials_of_the_budget_are_begun(
    study: StudyCalls, storage: ServiceStorage
) -> None:
    optimized = script(study, storage)
    with pytest.raises(TrialRefused) as refused:
        optimized.optimize(objective, n_trials=10)
    assert str(refused.value) == (
        f"study '{study.name}': All of its budget, max_trials 3, is trained, in training or queued. "
        f"`lrtune study set {study.name} --max-trials N` with a larger N lets it go on."
    )
    assert refused.value.__suppress_context__, "no stack of gRPC's is shown"
    assert counts(study) == Counter(complete=3)
    assert study.get()["state"] == "finished"
    study.client.patch(study.path, json={"max_trials": 4})
    with pytest.raises(TrialRefused):
        optimized.optimize(objective, n_trials=10)
    assert counts(study) == Counter(complete=4)


def test_optunas_own_proxy_is_told_the_same(study: StudyCalls, storage: ServiceStorage) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        proxy = GrpcStorageProxy(host="127.0.0.1", port=storage._port)
    with pytest.raises(grpc.RpcError) as refused:
        script(study, proxy).optimize(objective, n_trials=10)
    proxy.close()
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "max_trials 3" in refused.value.details()
    assert counts(study) == Counter(complete=3)


def test_workers_get_what_a_script_leaves_and_no_more(study: StudyCalls, storage: ServiceStorage) -> None:
    script(study, storage).optimize(objective, n_trials=2)
    leased = study.lease()
    with pytest.raises(TrialRefused):
        script(study, storage).ask()
    study.finish(leased, value=0.5)
    answer = study.ask().json()
    assert (answer["done"], answer["reason"]) == (True, "max_trials")


def test_scripts_and_workers_that_ask_in_the_same_moment_never_overshoot(
    client: TestClient, storage: ServiceStorage
) -> None:
    study = create(client, max_trials=25, max_steps=4, sampler={"name": "random"}, pruner={"name": "none"})

    def by_script(_: int) -> int:
        try:
            script(study, storage).ask()
        except TrialRefused:
            return 0
        return 1

    def by_http(_: int) -> int:
        return int(study.ask().status_code == 201)

    calls: list[Callable[[int], int]] = [by_script, by_http]
    with ThreadPoolExecutor(8) as pool:
        begun = sum(pool.map(lambda n: calls[n % 2](n), range(60)))
    assert begun == 25
    assert counts(study) == Counter(running=25)


def test_a_failed_trial_of_a_script_frees_its_place(study: StudyCalls, storage: ServiceStorage) -> None:
    optimized = script(study, storage)
    for _ in range(3):
        optimized.tell(optimized.ask(), state=TrialState.FAIL)
    optimized.optimize(objective, n_trials=3)
    assert counts(study) == Counter(failed=3, complete=3)
    with pytest.raises(TrialRefused):
        optimized.ask()


def test_what_a_script_queues_takes_its_place_at_once_and_is_trained_by_whoever_comes(
    study: StudyCalls, storage: ServiceStorage
) -> None:
    optimized = script(study, storage)
    for rate in (0.1, 0.2, 0.3):
        optimized.enqueue_trial({"learning_rate": rate})
    with pytest.raises(TrialRefused, match="max_trials 3"):
        optimized.enqueue_trial({"learning_rate": 0.4})
    assert study.lease()["params"] == {"learning_rate": 0.1}
    assert objective(optimized.ask()) == pytest.approx(0.2)
    assert objective(optimized.ask()) == pytest.approx(0.3)
    with pytest.raises(TrialRefused):
        optimized.ask()
    assert counts(study) == Counter(running=3)


def test_steps_of_a_scripts_trial_are_reserved_and_counted(client: TestClient, storage: ServiceStorage) -> None:
    study = create(client, max_total_steps=8, max_steps=4, sampler={"name": "random"}, pruner={"name": "none"})
    optimized = script(study, storage)
    first, second = optimized.ask(), optimized.ask()
    with pytest.raises(TrialRefused, match=r"max_total_steps 8.*--max-total-steps N"):
        optimized.ask()
    for trial in (first, second):
        trial.report(0.5, 2)
        optimized.tell(trial, 0.5)
    assert study.get("/status")["steps"]["trained"] == 4
    optimized.ask()
    with pytest.raises(TrialRefused):
        optimized.ask()


@pytest.mark.parametrize(("change", "told"), [({"paused": True}, "was paused"), ({"stopped": True}, "was stopped")])
def test_a_study_that_is_paused_or_stopped_lets_no_trial_begin_neither_new_nor_queued(
    study: StudyCalls, storage: ServiceStorage, change: dict[str, bool], told: str
) -> None:
    optimized = script(study, storage)
    optimized.enqueue_trial({"learning_rate": 0.1})
    assert study.client.patch(study.path, json=change).status_code == 200
    with pytest.raises(TrialRefused, match=rf"study '{study.name}': .*{told}.*lrtune study resume {study.name}"):
        optimized.optimize(objective, n_trials=1)
    assert counts(study) == Counter(waiting=1)


def test_a_trial_done_elsewhere_costs_no_place(study: StudyCalls, storage: ServiceStorage) -> None:
    optimized = script(study, storage)
    space = optuna.distributions.FloatDistribution(1e-6, 1.0, log=True)
    for value in (0.1, 0.2, 0.3, 0.4):
        optimized.add_trial(
            optuna.trial.create_trial(
                params={"learning_rate": value}, distributions={"learning_rate": space}, value=value
            )
        )
    optimized.optimize(objective, n_trials=3)
    assert counts(study) == Counter(complete=7)


def test_places_are_still_taken_after_the_study_was_read_from_the_database(
    study: StudyCalls, storage: ServiceStorage
) -> None:
    script(study, storage).ask()
    engine = study.client.app.state.container.engine  # type: ignore[attr-defined]
    with engine.lock:
        engine.mirrors.drop(engine.load_name(study.name))
    script(study, storage).ask()
    script(study, storage).ask()
    with pytest.raises(TrialRefused):
        script(study, storage).ask()


def test_a_study_that_optuna_made_has_no_budget(storage: ServiceStorage) -> None:
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler())
    study.optimize(objective, n_trials=5)
    assert len(study.trials) == 5


def test_a_grid_leaves_out_the_point_that_a_script_names_parameter_by_parameter(
    client: TestClient, storage: ServiceStorage
) -> None:
    choices = {"type": "categorical", "choices": [1, 2]}
    study = create(client, search_space={"a": choices, "b": choices}, sampler={"name": "grid"}, max_trials=4)
    trial = script(study, storage).ask()
    trial.suggest_categorical("a", [1, 2])
    params = [study.lease()["params"]]  # The grid has seen half of the script's point.
    trial.suggest_categorical("b", [1, 2])
    params += [study.lease()["params"] for _ in range(2)]
    assert trial.params not in params or params[0] == trial.params
    assert len({tuple(sorted(point.items())) for point in params}) == 3


def test_a_trial_that_a_script_has_is_over_where_the_study_is_moved_to(
    study: StudyCalls, storage: ServiceStorage
) -> None:
    script(study, storage).ask().suggest_float("learning_rate", 1e-6, 1.0, log=True)
    study.lease()
    lines = [json.loads(line) for line in study.client.get(f"{study.path}/export").text.splitlines()]
    copy = StudyCalls(study.client, f"{study.name}-copy")
    assert copy.post("/import", body(lines)).status_code == 200
    assert counts(copy) == Counter(failed=1, waiting=1)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BudgetedStorage]:
    plain = open_storage(f"sqlite:///{tmp_path_factory.mktemp('contract')}/storage.db")
    yield BudgetedStorage(plain.engine)
    plain.close()


class TestContract(StorageTestCase):
    """Optuna's own test suite of storages."""

    @pytest.fixture
    def storage(self, opened: BudgetedStorage) -> BudgetedStorage:
        for study in opened.get_all_studies():
            opened.delete_study(study._study_id)
        return opened
