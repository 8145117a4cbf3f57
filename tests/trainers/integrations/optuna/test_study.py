"""A study of lrtune's, used as one of Optuna's: in the engine inside this process."""

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from lrtune import Client, LrtuneError, NotFound, ServiceError, StudyHalted
from lrtune.optuna import Study, Trial, create_study, load_study

SPACE = {
    "lr": FloatDistribution(1e-5, 1.0, log=True),
    "layers": IntDistribution(1, 4),
    "optimizer": CategoricalDistribution(["sgd", "adam"]),
}


_names = (f"s{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Client(f"local:{tmp_path_factory.mktemp('study')}/lrtune.db", retry_seconds=5) as opened:
        yield opened


@pytest.fixture
def name() -> str:
    return next(_names)


@pytest.fixture
def study(client: Client, name: str) -> Iterator[Study]:
    with create_study(study_name=name, search_space=SPACE, storage=client, sampler="random", pruner="none") as made:
        yield made


def objective(trial: Trial) -> float:
    rate = trial.suggest_float("lr", 1e-5, 1.0, log=True)
    return abs(rate - 0.01) + trial.suggest_int("layers", 1, 4) / 100


def fails(_: Trial) -> float:
    raise ArithmeticError("no")


# Searching


def test_an_objective_of_optunas_trains_as_many_trials_as_it_is_told(study: Study) -> None:
    study.optimize(objective, n_trials=5)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 5
    best = min(study.trials, key=lambda trial: trial.value or 0)
    assert (study.best_trial, study.best_value, study.best_params) == (best, best.value, best.params)
    assert best.value == objective(optuna.trial.FixedTrial(best.params))  # type: ignore[arg-type]
    study.optimize(objective, n_trials=1)
    assert len(study.trials) == 6


def test_what_the_service_drew_is_what_suggest_returns(study: Study) -> None:
    def look(trial: Trial) -> float:
        shown = {
            "lr": trial.suggest_float("lr", 1e-5, 1.0, log=True),
            "layers": trial.suggest_int("layers", 1, 4),
            "optimizer": trial.suggest_categorical("optimizer", ["sgd", "adam"]),
        }
        assert shown == trial.params
        assert trial.distributions == SPACE == study.distributions
        assert {name: type(value) for name, value in shown.items()} == {"lr": float, "layers": int, "optimizer": str}
        return 1.0

    study.optimize(look, n_trials=2)
    assert study.trials[0].distributions == SPACE


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_spent_budget_ends_it_before_n_trials(client: Client, n_jobs: int, name: str) -> None:
    study = create_study(study_name=name, search_space=SPACE, storage=client, max_trials=4)
    study.optimize(objective, n_trials=50, n_jobs=n_jobs)
    study.optimize(objective)
    assert len(study.trials) == 4


def test_threads_train_at_a_time_and_share_n_trials(study: Study) -> None:
    both = threading.Barrier(2, timeout=20)

    def waits(trial: Trial) -> float:
        both.wait()
        return objective(trial)

    study.optimize(waits, n_trials=4, n_jobs=2)
    assert len(study.trials) == 4


def test_an_error_in_one_thread_ends_the_others_and_is_raised(study: Study) -> None:
    with pytest.raises(ArithmeticError):
        study.optimize(lambda trial: fails(trial) if trial.number == 1 else objective(trial), n_jobs=2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lrtune-optimize")]
    assert TrialState.RUNNING not in [trial.state for trial in study.trials]


def test_a_timeout_begins_no_further_trial(study: Study) -> None:
    def slow(trial: Trial) -> float:
        time.sleep(0.3)
        return objective(trial)

    study.optimize(slow, timeout=0.1)
    study.optimize(slow, timeout=0)
    assert len(study.trials) == 1


def test_a_timeout_ends_the_wait_for_what_others_train(client: Client, name: str) -> None:
    with create_study(study_name=name, search_space=SPACE, storage=client, max_trials=1) as study:
        study.ask()
        began = time.monotonic()
        study.optimize(objective, timeout=0.5)
        assert time.monotonic() - began < 10


def test_stop_ends_it_after_the_trial_in_hand(study: Study) -> None:
    def stops(trial: Trial) -> float:
        study.stop()
        return objective(trial)

    study.optimize(stops)
    study.optimize(objective, callbacks=[lambda of, ended: of.stop() if ended.number == 2 else None])
    assert len(study.trials) == 3
    with pytest.raises(RuntimeError, match="in an objective or a callback"):
        study.stop()


def test_optimize_within_optimize_is_refused(study: Study) -> None:
    def nested(trial: Trial) -> float:
        study.optimize(objective, n_trials=1)
        return 1.0

    with pytest.raises(RuntimeError, match="call it outside"):
        study.optimize(nested, n_trials=1)


def test_callbacks_get_the_study_and_the_trial_as_it_ended(study: Study) -> None:
    seen = []

    def reports(trial: Trial) -> float:
        trial.report(0.5, 0)
        trial.report(0.25, 1)
        trial.set_user_attr("seed", 7)
        return 0.2

    study.optimize(reports, n_trials=2, callbacks=[lambda of, ended: seen.append((of, ended))])
    assert [of for of, _ in seen] == [study, study]
    assert [ended for _, ended in seen] == study.trials
    assert (seen[0][1].intermediate_values, seen[0][1].value) == ({0: 0.5, 1: 0.25}, 0.2)
    assert seen[0][1].user_attrs["seed"] == 7
    assert seen[0][1].duration is not None


# Endings


def test_what_an_objective_raises_fails_the_trial_and_goes_on_unless_it_is_caught(study: Study) -> None:
    with pytest.raises(ArithmeticError):
        study.optimize(fails, n_trials=1)
    with pytest.raises(ArithmeticError):
        study.optimize(fails, n_trials=1, catch=(KeyError,))
    ended: list[Any] = []
    study.optimize(fails, n_trials=1, catch=ArithmeticError, callbacks=[lambda _, trial: ended.append(trial)])
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 3
    assert ended[0].value is None
    assert "ArithmeticError: no" in ended[0].user_attrs["error"]


def test_a_study_whose_trials_keep_failing_is_halted_and_says_so(study: Study) -> None:
    with pytest.raises(StudyHalted, match="failed"):
        study.optimize(fails, n_trials=50, catch=(ArithmeticError,))


@pytest.mark.parametrize("value", [None, "many", [1.0, 2.0], [], object()])
def test_what_is_no_value_fails_the_trial_without_an_error(study: Study, value: Any) -> None:
    study.optimize(lambda _: value, n_trials=1)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL]
    assert study.trials[0].user_attrs["error"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_has_diverged(study: Study, value: float) -> None:
    study.optimize(lambda _: value, n_trials=1)
    (trial,) = study.trials
    assert (trial.state, trial.value, trial.user_attrs["outcome"]) == (TrialState.PRUNED, None, "diverged")


def test_a_trial_that_prunes_itself_keeps_its_last_report(study: Study) -> None:
    def prunes(trial: Trial) -> float:
        trial.report(3.0, 4)
        raise optuna.TrialPruned

    study.optimize(prunes, n_trials=1)
    (trial,) = study.trials
    assert (trial.state, trial.value, trial.last_step) == (TrialState.PRUNED, 3.0, 4)
    with pytest.raises(ValueError, match=r"no trial of study s\d+ is complete yet"):
        _ = study.best_params


def test_the_services_pruner_says_when_to_prune_and_why(client: Client, name: str) -> None:
    pruner = {"name": "threshold", "upper": 10.0}
    study = create_study(study_name=name, search_space=SPACE, storage=client, pruner=pruner, max_steps=20)
    steps = []

    def rises(trial: Trial) -> float:
        for step in range(20):
            trial.report(float(step), step)
            steps.append(step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 20.0

    study.optimize(rises, n_trials=1)
    assert steps[-1] < 19
    (trial,) = study.trials
    assert trial.state is TrialState.PRUNED
    assert "threshold at step 11" in trial.user_attrs["explanation"]


def test_a_report_of_nan_prunes_as_diverged(study: Study) -> None:
    def diverges(trial: Trial) -> float:
        trial.report(float("nan"), 1)
        assert trial.should_prune()
        raise optuna.TrialPruned

    study.optimize(diverges, n_trials=1)
    (trial,) = study.trials
    assert (trial.user_attrs["outcome"], trial.value, trial.last_step) == ("diverged", None, 1)


def test_a_study_that_is_stopped_meanwhile_prunes_between_reports(client: Client, name: str) -> None:
    with create_study(study_name=name, search_space=SPACE, storage=client, lease_ttl_seconds=1) as study:
        trial = study.ask()
        assert not trial.should_prune()
        study.handle.update(stopped=True)
        until = time.monotonic() + 10
        while not trial.should_prune() and time.monotonic() < until:
            time.sleep(0.05)
        assert trial.stopped is not None
        assert trial.stopped.reason == "study_finished"
        assert study.tell(trial, state=TrialState.PRUNED).state is TrialState.PRUNED


def test_a_trial_that_is_anothers_by_now_is_left_and_the_next_is_trained(study: Study) -> None:
    told = []

    def lost(trial: Trial) -> float:
        if trial.leased.attempt == 1 and not told:
            told.append(trial.params)
            trial.leased._calls.release(None)  # As where its lease ran out, and another asked.
            trial.report(0.5, 1)
        return objective(trial)

    study.optimize(lost, n_trials=2)
    assert [(trial.state, trial.params) for trial in study.trials] == [(TrialState.COMPLETE, told[0])]


def test_a_step_is_reported_once_and_a_wrong_report_refused_as_optuna_does(study: Study) -> None:
    trial = study.ask()
    trial.report("0.5", 3)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="step 3 is reported already"):
        trial.report(0.25, 3)
    for value, step, error in ((None, 1, TypeError), (0.5, "x", TypeError), (0.5, -1, ValueError)):
        with pytest.raises(error, match=r"^(value|step): must be"):
            trial.report(value, step)  # type: ignore[arg-type]
    assert study.tell(trial, 0.1).intermediate_values == {3: 0.5}


def test_ctrl_c_gives_the_trial_back(study: Study) -> None:
    def interrupted(_: Trial) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupted, n_trials=1)
    study.optimize(objective, n_trials=1)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE]


# Asking and telling


def test_what_is_asked_for_is_told_by_the_trial_or_by_its_number(study: Study) -> None:
    one, other = study.ask(), study.ask(SPACE)
    assert (one.number, other.number) == (0, 1)
    one.report(0.5, 1)
    assert study.trials[0].intermediate_values == {1: 0.5}
    assert study.tell(one, 0.25).value == 0.25
    assert study.tell(1, state=TrialState.PRUNED).state is TrialState.PRUNED
    assert study.tell(study.ask(), [0.125]).values == [0.125]
    assert study.tell(study.ask(), state=TrialState.FAIL).state is TrialState.FAIL
    assert study.tell(study.ask(), None).state is TrialState.FAIL


def test_values_and_states_that_do_not_go_together_are_refused_and_the_trial_stays(study: Study) -> None:
    trial = study.ask()
    for values, state in (
        (None, TrialState.COMPLETE),
        ("x", TrialState.COMPLETE),
        (1.0, TrialState.FAIL),
        (1.0, TrialState.PRUNED),
        (None, TrialState.RUNNING),
        (1.0, "complete"),
    ):
        with pytest.raises(ValueError, match=r"^(values|state): "):
            study.tell(trial, values, state)  # type: ignore[arg-type]
    assert study.tell(trial, 1.0).state is TrialState.COMPLETE


def test_a_trial_is_told_once(study: Study) -> None:
    trial = study.ask()
    study.tell(trial, 1.0)
    with pytest.raises(ValueError, match="COMPLETE already"):
        study.tell(trial, 2.0)
    assert study.tell(trial, 2.0, skip_if_finished=True).value == 1.0
    with pytest.raises(NotFound):
        study.tell(9, 1.0)


def test_a_trial_that_another_has_on_lease_is_not_told(client: Client, study: Study, name: str) -> None:
    study.ask()
    with load_study(study_name=name, storage=client) as other, pytest.raises(ValueError, match="nobody here"):
        other.tell(0, 1.0)


def test_what_is_not_told_is_given_back_when_the_study_is_closed(client: Client, study: Study, name: str) -> None:
    params = study.ask().params
    study.close()
    with load_study(study_name=name, storage=client) as again:
        assert again.ask().params == params


def test_a_trial_whose_distributions_are_not_the_studys_is_not_kept(study: Study) -> None:
    with pytest.raises(ValueError, match=r"^layers: study"):
        study.ask({"layers": IntDistribution(1, 5)})
    (trial,) = study.trials
    assert trial.state is TrialState.WAITING


def test_asking_for_more_than_the_budget_says_why_there_is_none(client: Client, name: str) -> None:
    with create_study(study_name=name, search_space=SPACE, storage=client, max_trials=1) as study:
        trial = study.ask()
        with pytest.raises(LrtuneError, match="tell the trials that you asked for"):
            study.ask()
        study.tell(trial, 1.0)
        with pytest.raises(LrtuneError, match="--max-trials N"):
            study.ask()


# Points from outside


def test_an_enqueued_point_is_the_next_and_once(study: Study) -> None:
    study.enqueue_trial({"lr": 0.01, "layers": 2}, user_attrs={"usual": True})
    study.enqueue_trial({"lr": 0.01, "layers": 2}, skip_if_exists=True)
    study.enqueue_trial({"lr": 0.02, "layers": 2}, skip_if_exists=True)
    first, second = study.trials
    assert first.state is second.state is TrialState.WAITING
    trial = study.ask()
    assert trial.params.items() >= {"lr": 0.01, "layers": 2}.items()
    assert trial.user_attrs == {"usual": True}
    with pytest.raises(ServiceError, match="momentum"):
        study.enqueue_trial({"momentum": 0.9})


def test_trials_of_an_optuna_study_are_added(study: Study) -> None:
    other = optuna.create_study()
    other.optimize(
        lambda trial: (
            trial.suggest_float("lr", 1e-5, 1.0, log=True)
            + trial.suggest_int("layers", 1, 4)
            + len(trial.suggest_categorical("optimizer", ["sgd", "adam"]))
        ),
        n_trials=3,
    )
    study.add_trials(other.trials)
    assert [(t.params, t.values, t.state) for t in study.trials] == [
        (t.params, t.values, t.state) for t in other.trials
    ]
    with pytest.raises(ValueError, match="enqueue_trial"):
        study.add_trial(optuna.trial.create_trial(state=TrialState.WAITING))


# What it shows


def test_the_table_is_optunas(study: Study) -> None:
    pytest.importorskip("pandas")
    study.optimize(objective, n_trials=3)
    table = study.trials_dataframe()
    theirs = study.to_optuna().trials_dataframe()
    assert list(table.columns) == list(theirs.columns)
    assert {"number", "value", "params_lr", "params_layers", "params_optimizer", "state"} <= set(table.columns)
    assert list(study.trials_dataframe(attrs=("number", "state")).columns) == ["number", "state"]


def test_an_optuna_study_of_it_has_all_its_trials(study: Study) -> None:
    study.set_user_attr("who", "me")
    study.optimize(lambda trial: fails(trial) if trial.number == 1 else objective(trial), n_trials=3, catch=Exception)
    study.ask()
    made = study.to_optuna()
    assert (made.study_name, made.direction, made.user_attrs) == (study.study_name, study.direction, {"who": "me"})
    assert [(t.number, t.state, t.params) for t in made.trials] == [(t.number, t.state, t.params) for t in study.trials]
    assert made.best_params == study.best_params
    optuna.visualization.plot_optimization_history(made)
