"""Optuna's own sampler, pruner and importance suites, with our engine as the storage of every study they make.

The suites make their studies without naming a storage; a fixture makes the engine the default. Each class shares one
database, in which every test has studies of its own.

One suite of independent draws and one of joint draws for each database; those of several objectives, and of samplers
with a state of their own (CMA-ES, QMC, NSGA-II), where they cost little. Left out, for time: the 36 combinations of
`test_combination_of_different_distributions_objective` and of `test_sample_relative_numerical`, whose calls of the
storage are those of the other tests; on PostgreSQL the tests that draw a hundred times; and samplers that ask the
storage for nothing that these do not ask for (`tpe`, `gp`). `auto` draws each parameter by itself, so the suite of the
samplers that draw them together is not for it.
`optuna.testing.pruners` holds a pruner that prunes always or never: it is run below, beside Optuna's own pruners.
"""

from collections.abc import Callable, Iterator

import optuna
import psycopg
import pytest
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    PedAnovaImportanceEvaluator,
)
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, CmaEsSampler, NSGAIISampler, QMCSampler, RandomSampler
from optuna.testing.pruners import DeterministicPruner
from optuna.testing.pytest_importance import (
    BasicImportanceEvaluatorTestCase,
    ConditionalImportanceEvaluatorTestCase,
    NonConditionalImportanceEvaluatorTestCase,
)
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)
from sqlalchemy import make_url

from lrtune.service.storage import OptunaStorage, open_storage
from lrtune.service.tuning.auto import AutoSampler

SamplerOf = Callable[[], BaseSampler]


@pytest.fixture(scope="module")
def sqlite_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OptunaStorage]:
    storage = open_storage(f"sqlite:///{tmp_path_factory.mktemp('samplers')}/storage.db")
    yield storage
    storage.close()


@pytest.fixture
def on_sqlite(sqlite_storage: OptunaStorage, monkeypatch: pytest.MonkeyPatch) -> OptunaStorage:
    return _make_default(sqlite_storage, monkeypatch)


@pytest.fixture(scope="module")
def postgres_storage(postgres_admin_url: str) -> Iterator[OptunaStorage]:
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE samplers")
    url = make_url(postgres_admin_url).set(drivername="postgresql+psycopg", database="samplers")
    storage = open_storage(url.render_as_string(hide_password=False))
    yield storage
    storage.close()


@pytest.fixture
def on_postgres(postgres_storage: OptunaStorage, monkeypatch: pytest.MonkeyPatch) -> OptunaStorage:
    return _make_default(postgres_storage, monkeypatch)


@pytest.fixture(params=["sqlite_storage", "postgres_storage"])
def on_either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> OptunaStorage:
    return _make_default(request.getfixturevalue(request.param), monkeypatch)


def _make_default(storage: OptunaStorage, monkeypatch: pytest.MonkeyPatch) -> OptunaStorage:
    """Let `create_study()` and `load_study()`, which take a storage, take this one where none is named."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    monkeypatch.setattr(
        "optuna.storages.get_storage", lambda named=None: storage if named is None else named, raising=True
    )
    return storage


# Samplers


def test_the_suites_really_use_the_engine(on_either: OptunaStorage) -> None:
    study = optuna.create_study()
    assert study._storage is on_either
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert on_either.engine.load(study._study_id).tally.outcomes["complete"] == 2


class _Basic(BasicSamplerTestCase):
    test_combination_of_different_distributions_objective = None  # type: ignore[assignment]


class _Relative(RelativeSamplerTestCase):
    test_sample_relative_numerical = None  # type: ignore[assignment]


@pytest.mark.usefixtures("on_sqlite")
class TestAuto(_Basic, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> SamplerOf:
        return lambda: AutoSampler(seed=0)


@pytest.mark.usefixtures("on_postgres")
class TestRandomOnPostgres(_Basic):
    test_float = test_int = test_categorical = None  # type: ignore[assignment]

    @pytest.fixture
    def sampler(self) -> SamplerOf:
        return lambda: RandomSampler(seed=0)


@pytest.mark.usefixtures("on_sqlite")
class TestCmaEs(_Relative, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self) -> SamplerOf:
        return lambda: CmaEsSampler(n_startup_trials=0, seed=0)


@pytest.mark.usefixtures("on_postgres")
class TestCmaEsOnPostgres(_Relative):
    @pytest.fixture
    def sampler(self) -> SamplerOf:
        return lambda: CmaEsSampler(n_startup_trials=0, seed=0)


@pytest.mark.usefixtures("on_sqlite")
class TestQmc(_Relative):
    @pytest.fixture
    def sampler(self) -> SamplerOf:
        return lambda: QMCSampler(warn_independent_sampling=False, warn_asynchronous_seeding=False, seed=0)


@pytest.mark.usefixtures("on_sqlite")
class TestNsga(MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> SamplerOf:
        return lambda: NSGAIISampler(seed=0)


# Pruners


@pytest.mark.parametrize(
    ("pruner", "pruned"),
    [
        (DeterministicPruner(True), 12),
        (DeterministicPruner(False), 0),
        (optuna.pruners.MedianPruner(n_startup_trials=2), 5),
        (optuna.pruners.PercentilePruner(50.0, n_startup_trials=2), 5),
        (optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2), 5),
        (optuna.pruners.HyperbandPruner(min_resource=1, max_resource=8), 1),
        (optuna.pruners.PatientPruner(optuna.pruners.MedianPruner(n_startup_trials=2), patience=1), 1),
        (optuna.pruners.ThresholdPruner(upper=6.5), 5),
        (optuna.pruners.WilcoxonPruner(), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BasePruner) else str(value),
)
def test_a_pruner_prunes_through_the_engine(on_either: OptunaStorage, pruner: BasePruner, pruned: int) -> None:
    """Twelve trials, each worse than the one before; `pruned` is the least of them that have to be stopped."""

    def objective(trial: optuna.Trial) -> float:
        level = trial.suggest_float("x", trial.number, trial.number)
        for step in range(8):
            trial.report(level + step / 100, step)
            if trial.should_prune():
                raise optuna.TrialPruned()
        return level

    study = optuna.create_study(study_name=f"{type(pruner).__name__} {pruned}", pruner=pruner)
    study.optimize(objective, n_trials=12)
    stopped = [trial for trial in study.get_trials() if trial.state is optuna.trial.TrialState.PRUNED]
    assert len(stopped) >= pruned
    if pruned == 0:
        assert stopped == []


# Importance


class _Importance(BasicImportanceEvaluatorTestCase, NonConditionalImportanceEvaluatorTestCase):
    pass


@pytest.mark.usefixtures("on_sqlite")
class TestFanova(_Importance):
    @pytest.fixture
    def evaluator(self) -> Callable[..., BaseImportanceEvaluator]:
        return lambda: FanovaImportanceEvaluator(n_trees=8, max_depth=8, seed=0)


@pytest.mark.usefixtures("on_postgres")
class TestPedAnovaOnPostgres(ConditionalImportanceEvaluatorTestCase):
    @pytest.fixture
    def evaluator(self) -> Callable[..., BaseImportanceEvaluator]:
        return PedAnovaImportanceEvaluator
