"""Searches on real data: what is found, refitted, stopped early and told."""

import math
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from lrtune import Client
from lrtune.sklearn import LearningRateSearchCV
from lrtune.trainers.integrations.sklearn.results import Candidate, Fold, tabulated

RATE = {"type": "float", "low": 1e-4, "high": 10.0, "log": True}


@pytest.fixture
def search(address: str) -> Callable[..., LearningRateSearchCV]:
    def made(estimator: Any, space: Any = None, **options: Any) -> LearningRateSearchCV:
        return LearningRateSearchCV(estimator, space, **{"cv": 3, "random_state": 0, "client": address, **options})

    return made


Search = Callable[..., LearningRateSearchCV]


def small_digits() -> Any:
    inputs, labels = load_digits(return_X_y=True)
    return inputs[:400], labels[:400]


@pytest.mark.parametrize(
    ("estimator", "data", "name"),
    [
        (GradientBoostingRegressor(n_estimators=20, random_state=0), load_diabetes, "learning_rate"),
        (HistGradientBoostingClassifier(max_iter=10, random_state=0), load_breast_cancer, "learning_rate"),
        (SGDClassifier(learning_rate="constant", max_iter=10, tol=None, random_state=0), None, "eta0"),
        (MLPClassifier(hidden_layer_sizes=16, max_iter=10, tol=0, random_state=0), None, "learning_rate_init"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseEstimator) else "",
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
def test_the_estimators_own_rate_is_searched_and_the_best_refitted(
    estimator: Any, data: Any, name: str, search: Search, address: str
) -> None:
    inputs, targets = data(return_X_y=True) if data else small_digits()
    found = search(estimator, max_trials=8).fit(inputs, targets)
    assert found.best_params_.keys() == {name}
    assert found.suggestion_.learning_rate == pytest.approx(found.suggestion_.params[name])
    again = clone(estimator).set_params(**found.best_params_)
    assert found.best_score_ == pytest.approx(cross_val_score(again, inputs, targets, cv=3).mean())
    assert found.score(inputs, targets) == again.fit(inputs, targets).score(inputs, targets)
    with Client(address) as client:
        study = client.study(found.study_name_)
        assert study.spec.state == "finished"
        assert study.status().best.value == pytest.approx(found.best_score_)


def test_trees_and_forests_have_no_rate_and_are_searched_too(search: Search) -> None:
    forest = RandomForestRegressor(n_estimators=5, random_state=0)
    space = {"max_depth": {"type": "int", "low": 1, "high": 10}, "max_features": [0.3, 1.0, "sqrt"]}
    found = search(forest, space, max_trials=6).fit(*load_diabetes(return_X_y=True))
    assert found.suggestion_.learning_rate is None
    tree = search(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 8]}, max_trials=2).fit(*small_digits())
    assert tree.best_params_ == {"max_depth": 8}


def test_what_is_hopeless_is_stopped_and_the_best_is_trained_on_all_folds(search: Search) -> None:
    model = SGDRegressor(learning_rate="constant", max_iter=5, tol=None, random_state=0)
    inputs, targets = load_diabetes(return_X_y=True)
    found = search(model, {"eta0": RATE}, cv=5, max_trials=16).fit(inputs, targets)
    table = found.cv_results_
    stopped = table["outcome"] == "pruned"
    assert stopped.any()
    scores = np.array([table[f"split{fold}_test_score"] for fold in range(5)]).T
    assert np.isnan(scores[stopped]).any()
    assert np.isnan(table["mean_test_score"][stopped]).all()
    assert np.isfinite(scores[found.best_index_]).all()
    complete = table["outcome"] == "complete"
    assert table["mean_test_score"][complete] == pytest.approx(scores[complete].mean(axis=1))
    assert table["std_test_score"][complete] == pytest.approx(scores[complete].std(axis=1))
    assert table["rank_test_score"][found.best_index_] == 1
    assert (table["rank_test_score"][~complete] == complete.sum() + 1).all()
    every = search(model, {"eta0": RATE}, cv=5, max_trials=16, pruner="none").fit(inputs, targets)
    assert set(every.cv_results_["outcome"]) <= {"complete", "diverged"}


def test_a_stopped_candidate_leaves_the_mean_of_its_folds_for_those_that_draw(search: Search, address: str) -> None:
    model = SGDRegressor(learning_rate="constant", max_iter=5, tol=None, random_state=0)
    found = search(model, {"eta0": RATE}, cv=5, max_trials=16).fit(*load_diabetes(return_X_y=True))
    with Client(address) as client:
        trials = [client.trial(found.study_name_, number) for number in range(16)]
        assert client.study(found.study_name_).spec.prior == "none"
    assert "pruned" in {trial.state for trial in trials}
    for trial in trials:
        scores = np.array([found.cv_results_[f"split{fold}_test_score"][trial.number] for fold in range(5)])
        trained = scores[np.isfinite(scores)]
        means = np.cumsum(trained) / np.arange(1, len(trained) + 1)
        assert [point.value for point in trial.curve] == pytest.approx(means.tolist())
        assert trial.value == pytest.approx(means[-1])


def test_the_same_seed_gives_the_same_candidates(search: Search) -> None:
    model = SGDClassifier(learning_rate="constant", max_iter=3, tol=None, random_state=0)
    first, again = (search(model, max_trials=6).fit(*small_digits()) for _ in range(2))
    assert first.cv_results_["params"] == again.cv_results_["params"]
    other = search(model, max_trials=6, random_state=1).fit(*small_digits())
    assert first.cv_results_["params"] != other.cv_results_["params"]


def test_the_rate_of_a_step_in_a_pipeline_is_found(search: Search, address: str) -> None:
    model = make_pipeline(StandardScaler(), SGDClassifier(learning_rate="constant", max_iter=3, tol=None))
    found = search(model, max_trials=2).fit(*small_digits())
    assert found.best_params_.keys() == {"sgdclassifier__eta0"}
    with Client(address) as client:
        assert client.study(found.study_name_).spec.search_space["sgdclassifier__eta0"].role == "learning_rate"


class Told(RegressorMixin, BaseEstimator):
    """Predicts `step_size`; fails or answers nan where that is large, and keeps what it was given."""

    def __init__(self, step_size: float = 1.0, fails: float = math.inf, worthless: float = math.inf) -> None:
        self.step_size = step_size
        self.fails = fails
        self.worthless = worthless

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Told":  # noqa: N803
        if self.step_size > self.fails or (sample_weight is not None and not np.all(sample_weight)):
            raise ArithmeticError("overflow in step 3")
        self.given_ = None if sample_weight is None else len(sample_weight)
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        return np.full(len(X), self.step_size)

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        return math.nan if self.step_size > self.worthless else -abs(math.log10(self.step_size))


DATA = np.zeros((12, 1)), np.arange(12.0)
SPACE = {"step_size": RATE}


def test_a_parameter_of_any_name_can_be_the_learning_rate(search: Search) -> None:
    found = search(Told(), SPACE, learning_rate="step_size", max_trials=8).fit(*DATA)
    assert found.suggestion_.learning_rate == pytest.approx(1.0, rel=1.0)


def test_a_training_that_fails_has_diverged_and_the_search_goes_on(search: Search) -> None:
    model = Told(fails=2.0)
    with pytest.warns(FitFailedWarning, match="a fold failed, and its score is nan: ArithmeticError: overflow in step"):
        found = search(model, SPACE, learning_rate="step_size", max_trials=12).fit(*DATA)
    rates = np.array([params["step_size"] for params in found.cv_results_["params"]])
    assert (rates > 2.0).any()
    assert ((found.cv_results_["outcome"] == "diverged") == (rates > 2.0)).all()
    assert found.best_params_["step_size"] < 2.0


def test_a_score_that_is_not_finite_is_diverged(search: Search) -> None:
    found = search(Told(worthless=2.0), SPACE, max_trials=12).fit(*DATA)
    rates = np.array([params["step_size"] for params in found.cv_results_["params"]])
    assert ((found.cv_results_["outcome"] == "diverged") == (rates > 2.0)).all()


def test_a_failed_fold_may_count_as_a_number(search: Search) -> None:
    with pytest.warns(FitFailedWarning, match="its score is -9"):
        found = search(Told(fails=2.0), SPACE, max_trials=12, error_score=-9.0, pruner="none").fit(*DATA)
    assert set(found.cv_results_["outcome"]) == {"complete"}
    assert found.cv_results_["mean_test_score"].min() == -9.0


def test_the_exception_passes_where_it_is_to(search: Search) -> None:
    with pytest.raises(ArithmeticError, match="overflow in step 3"):
        search(Told(fails=2.0), SPACE, max_trials=12, error_score="raise").fit(*DATA)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_where_no_candidate_can_be_trained_the_exception_passes_after_three(search: Search, address: str) -> None:
    failing = search(Told(fails=0.0), SPACE, max_trials=50)
    with pytest.raises(ArithmeticError, match="overflow in step 3") as raised:
        failing.fit(*DATA)
    assert raised.value.__notes__ == [
        "none of the first 3 candidates could be trained: mend the estimator or the data, or search elsewhere "
        "(search_space)"
    ]


def test_where_no_candidate_is_trained_to_its_end_the_search_says_what_to_do(search: Search) -> None:
    with pytest.raises(ValueError, match=r"none of 4 candidates .*: search lower learning rates \(search_space\)"):
        search(Told(worthless=0.0), SPACE, max_trials=4).fit(*DATA)


def test_without_refit_there_are_results_and_no_estimator(search: Search) -> None:
    found = search(Told(), SPACE, max_trials=2, refit=False).fit(*DATA)
    assert found.best_params_
    with pytest.raises(NotFittedError, match=r"refit is False.*: set refit=True, or fit one with best_params_"):
        found.predict(DATA[0])


def test_weights_go_to_the_training_and_groups_to_the_folds(search: Search) -> None:
    groups = np.repeat(np.arange(4), 3)
    found = search(Told(), SPACE, max_trials=2, cv=GroupKFold(4)).fit(*DATA, sample_weight=np.ones(12), groups=groups)
    assert found.n_splits_ == 4
    assert found.best_estimator_.given_ == 12
    with pytest.raises(ArithmeticError):  # In a fold, to which its share of the weights goes.
        search(Told(), SPACE, refit=False, error_score="raise").fit(*DATA, sample_weight=np.zeros(12))


def test_metadata_routing_is_obeyed(search: Search) -> None:
    with config_context(enable_metadata_routing=True):
        model = Told().set_fit_request(sample_weight=True)
        routed = search(model, SPACE, max_trials=2, cv=GroupKFold(4))
        found = routed.fit(*DATA, sample_weight=np.ones(12), groups=np.repeat(np.arange(4), 3))
        assert found.best_estimator_.given_ == 12
        with pytest.raises(TypeError, match="weight"):
            search(model, SPACE, max_trials=2).fit(*DATA, weight=np.ones(12))


def test_shuffled_folds_are_the_same_for_all_candidates(search: Search) -> None:
    class Rows(Told):
        def score(self, X: Any, y: Any) -> float:  # noqa: N803
            return float(np.sum(y))

    found = search(Rows(), SPACE, max_trials=3, cv=KFold(3, shuffle=True), pruner="none").fit(*DATA)
    for fold in range(3):
        assert len(set(found.cv_results_[f"split{fold}_test_score"])) == 1


def test_a_search_that_was_fitted_can_be_pickled(search: Search) -> None:
    found = search(Told(), SPACE, max_trials=2).fit(*DATA)
    again = pickle.loads(pickle.dumps(found))
    assert again.predict(DATA[0]) == pytest.approx(found.predict(DATA[0]))
    assert again.suggestion_ == found.suggestion_


def test_a_client_of_the_callers_is_left_open(address: str) -> None:
    with Client(address) as client:
        LearningRateSearchCV(Told(), SPACE, max_trials=2, cv=2, client=client).fit(*DATA)
        assert list(client.studies())


def test_a_search_needs_no_service_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LRTUNE_SERVER", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = LearningRateSearchCV(Told(), SPACE, max_trials=2, cv=2).fit(*DATA)
    assert len(found.cv_results_["params"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_verbose_shows_each_candidate(search: Search, capfd: pytest.CaptureFixture[str]) -> None:
    search(Told(), SPACE, max_trials=2, verbose=1).fit(*DATA)
    assert "trial 1: complete" in capfd.readouterr().err


def test_a_candidate_that_was_stopped_after_its_last_fold_is_not_the_best() -> None:
    fold = Fold(score=0.9, fit_seconds=1.0, score_seconds=0.5)
    worse = Fold(score=0.5, fit_seconds=1.0, score_seconds=0.5)
    table = tabulated(
        [Candidate({"a": 1}, (fold, fold), "pruned"), Candidate({"a": 2, "b": "x"}, (worse, worse), "complete")], 2
    )
    assert table["rank_test_score"].tolist() == [2, 1]
    assert table["mean_fit_time"].tolist() == [1.0, 1.0]
    assert table["param_b"].mask.tolist() == [True, False]


def test_a_rate_without_effect_is_searched_where_what_stops_it_is_searched_too(search: Search) -> None:
    space = {"eta0": RATE, "learning_rate": ["constant", "adaptive"]}
    model = SGDClassifier(max_iter=3, tol=None, random_state=0)
    assert search(model, space, max_trials=2).fit(*small_digits()).best_params_.keys() == space.keys()


# Bad input: said before anything is trained.


class NotNumbers(ClassifierMixin, BaseEstimator):
    """Has no parameters."""

    def fit(self, X: Any, y: Any) -> "NotNumbers":  # noqa: N803
        return self


FLOAT = {"type": "float", "low": 0.1, "high": 1.0}
SGD = SGDClassifier(learning_rate="constant")


@pytest.mark.parametrize(
    ("estimator", "space", "options", "said"),
    [
        (
            SGD,
            {"eta": FLOAT},
            {},
            "search_space: the estimator has no parameter 'eta'; did you mean 'eta0'. it has",
        ),
        (
            SGD,
            {},
            {},
            "search_space: must name a parameter, as .*; leave it out to search the estimator's",
        ),
        (SGD, [("eta0", FLOAT)], {}, "search_space: must name a parameter"),
        (SGD, {"eta0": 0.1}, {}, "search_space: eta0 must be a list of choices, or an object with type, low and high"),
        (SGD, {"eta0": []}, {}, "search_space.eta0"),
        (SGD, {"eta0": FLOAT | {"low": 2.0}}, {}, "low must be less than high"),
        (SGD, {"eta0": FLOAT}, {"learning_rate": "alpha"}, "learning_rate: 'alpha' is not searched; use one of eta0"),
        (SGD, None, {"learning_rate": "rate"}, "learning_rate: the estimator has no parameter 'rate'"),
        (NotNumbers(), {"a": FLOAT}, {}, "has no parameter 'a'; it has none"),
        (DecisionTreeClassifier(), None, {}, "search_space: no learning rate is known: name the parameters to search"),
        (SGDClassifier(), {"eta0": FLOAT}, {}, "eta0 has no effect while .*'optimal': set learning_rate='constant'"),
        (MLPClassifier(solver="lbfgs"), None, {}, "has no effect while .*'lbfgs': set solver='adam'"),
        (SGD, {"eta0": FLOAT}, {"cv": 60}, "cv: .*: give fewer folds, or more data"),
        (SGD, {"eta0": FLOAT}, {"cv": []}, "cv: has no folds: give two at least"),
        (SGD, {"eta0": FLOAT}, {"max_trials": 0}, "max_trials"),
        (SGD, {"eta0": FLOAT}, {"scoring": ["accuracy", "f1"]}, "scoring: must be one scorer"),
        (SGD, {"eta0": FLOAT}, {"scoring": "acuracy"}, "acuracy"),
        (SGD, {"eta0": FLOAT}, {"refit": "f1"}, "refit: must be True or False, not 'f1'"),
        (SGD, {"eta0": FLOAT}, {"error_score": "nan"}, "error_score: must be a number or \"raise\", not 'nan'"),
        (SGD, {"eta0": FLOAT}, {"pruner": "medain"}, "pruner"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(
    estimator: Any, space: Any, options: dict[str, Any], said: str, search: Search
) -> None:
    inputs, labels = small_digits()
    with pytest.raises(Exception, match=said) as raised:
        search(estimator, space, **options).fit(inputs[:50], labels[:50] % 2)
    assert "\n" not in str(raised.value)


def test_a_target_that_is_missing_is_named(search: Search) -> None:
    with pytest.raises(ValueError, match=r"y: SGDClassifier requires y .*: call fit\(X, y\)"):
        search(SGD, {"eta0": FLOAT}).fit(np.zeros((6, 1)))
