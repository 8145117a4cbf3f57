"""What is told of a study of Optuna's from its trials: what is searched, and when its parameters exist."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from lrtune.service.storage import OptunaStorage
from lrtune.service.storage.adopt.adopt import Wanted, adopt
from lrtune.service.wire.trials import Ask, LeasedTrial, Result
from tests.support.tuning import Tuning

NOW = 1_800_000_000.0
Suggest = Callable[[optuna.Trial], Any]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/optuna.db"


def adopted(url: str, suggest: Suggest, enqueued: list[dict[str, Any]]) -> tuple[dict[str, Any], str | None]:
    """The search space of a study whose trials began with those parameters, and why it is left to Optuna, if it is."""
    storage = optuna.storages.RDBStorage(url)
    study = optuna.create_study(storage=storage, study_name="s")
    for params in enqueued:
        study.enqueue_trial(params)
        trial = study.ask()
        suggest(trial)
        study.tell(trial, 1.0)
    storage.remove_session()
    storage.engine.dispose()
    (outcome,) = adopt(url, Wanted(), NOW).studies or ()
    space = {} if outcome.spec is None else outcome.spec.search_space
    return {name: one.model_dump(exclude_none=True) for name, one in space.items()}, outcome.why_not


def widths(trial: optuna.Trial) -> None:
    for layer in range(trial.suggest_int("layers", 1, 8)):
        if layer:
            trial.suggest_int(f"width{layer}", 8, 64)


def test_a_parameter_that_exists_from_a_whole_number_on_is_adopted_with_its_condition(url: str) -> None:
    space, _ = adopted(url, widths, [{"layers": layers} for layers in (1, 2, 3, 1)])
    assert space["width1"]["when"] == {"layers": [2, 3, 4, 5, 6, 7, 8]}
    assert space["width2"]["when"] == {"layers": [3, 4, 5, 6, 7, 8]}
    assert "when" not in space["layers"]


def test_a_parameter_that_exists_up_to_a_whole_number_is_adopted_with_its_condition(url: str) -> None:
    def suggest(trial: optuna.Trial) -> None:
        if trial.suggest_int("batch", 16, 128, step=16) <= 32:
            trial.suggest_float("momentum", 0.0, 0.9)

    space, _ = adopted(url, suggest, [{"batch": batch} for batch in (16, 32, 48, 128)])
    assert space["momentum"]["when"] == {"batch": [16, 32]}


def test_a_limit_that_no_trial_has_seen_is_not_guessed(url: str) -> None:
    space, why_not = adopted(url, widths, [{"layers": layers} for layers in (1, 4)])
    assert space == {}
    assert why_not is not None
    assert "width1 exists in 1 of 2 trials, and it cannot be told when" in why_not


def test_a_choice_that_no_trial_took_is_not_guessed(url: str) -> None:
    def suggest(trial: optuna.Trial) -> None:
        if trial.suggest_categorical("optimizer", ["sgd", "adam", "lion"]) == "sgd":
            trial.suggest_float("momentum", 0.0, 0.9)

    _, why_not = adopted(url, suggest, [{"optimizer": "sgd"}, {"optimizer": "adam"}])
    assert "each of its values seen" in str(why_not)


def test_a_choice_goes_before_a_whole_number_that_happens_to_separate(url: str) -> None:
    def suggest(trial: optuna.Trial) -> None:
        trial.suggest_int("layers", 1, 2)
        if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
            trial.suggest_float("momentum", 0.0, 0.9)

    space, _ = adopted(url, suggest, [{"layers": 1, "optimizer": "sgd"}, {"layers": 2, "optimizer": "adam"}])
    assert space["momentum"]["when"] == {"optimizer": ["sgd"]}


def test_what_is_asked_for_after_a_parameter_does_not_decide_it(url: str) -> None:
    def suggest(trial: optuna.Trial) -> None:
        if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
            trial.suggest_float("momentum", 0.0, 0.9)
        trial.suggest_categorical("warmup", [True, False])

    begun = [{"optimizer": "sgd", "warmup": True}, {"optimizer": "adam", "warmup": False}]
    space, _ = adopted(url, suggest, begun)
    assert space["momentum"]["when"] == {"optimizer": ["sgd"]}


def nested(trial: optuna.Trial) -> None:
    if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd" and trial.suggest_categorical(
        "momentum", [True, False]
    ):
        trial.suggest_int("layers", 1, 2)
        trial.suggest_float("beta", 0.1, 0.9)


def test_a_parameter_that_hangs_on_one_that_is_conditional_itself_is_adopted(url: str) -> None:
    begun = [{"optimizer": "adam"}, {"optimizer": "sgd", "momentum": True}, {"optimizer": "sgd", "momentum": False}]
    space, why_not = adopted(url, nested, begun)
    assert why_not is None
    assert space["momentum"]["when"] == {"optimizer": ["sgd"]}
    assert space["beta"]["when"] == space["layers"]["when"] == {"momentum": [True]}


def test_a_conditional_parameter_does_not_decide_one_that_exists_without_it(url: str) -> None:
    def suggest(trial: optuna.Trial) -> None:
        nested(trial)
        if trial.number == 3:
            trial.suggest_float("beta", 0.1, 0.9)  # Of "adam", without "momentum".

    begun = [{"optimizer": "adam"}, {"optimizer": "sgd", "momentum": True}, {"optimizer": "sgd", "momentum": False}]
    _, why_not = adopted(url, suggest, [*begun, {"optimizer": "adam"}])
    assert "beta exists in 2 of 4 trials, and it cannot be told when" in str(why_not)


def constants(trial: optuna.Trial) -> None:
    trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
    trial.suggest_float("dropout", 0.5, 0.5)
    trial.suggest_int("layers", 3, 3)
    trial.suggest_categorical("optimizer", ["sgd"])


def test_a_parameter_of_one_value_is_adopted_as_a_choice_of_one(url: str) -> None:
    space, why_not = adopted(url, constants, [{}] * 3)
    assert why_not is None
    assert {name: one.get("choices") for name, one in space.items()} == {
        "learning_rate": None,
        "dropout": [0.5],
        "layers": [3],
        "optimizer": ["sgd"],
    }


def test_a_study_with_constants_goes_on_over_http_and_in_optuna(url: str) -> None:
    adopted(url, constants, [{}] * 3)
    with Tuning(url) as tuning:
        study = tuning.run(tuning.studies.get("s"))
        for number in range(4):
            leased = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=str(number))))
            assert isinstance(leased, LeasedTrial)
            assert leased.params.items() >= {"dropout": 0.5, "layers": 3, "optimizer": "sgd"}.items()
            tuning.run(
                tuning.trials.result("s", leased.number, Result(lease=leased.lease, state="complete", value=0.5))
            )
        script = optuna.load_study(study_name="s", storage=OptunaStorage(tuning.engine))
        script.optimize(lambda trial: constants(trial) or 1.0, n_trials=2)
        assert [trial.params["dropout"] for trial in study.trials] == [0.5] * 9
    storage = optuna.storages.RDBStorage(url)
    alone = optuna.load_study(study_name="s", storage=storage)
    alone.optimize(lambda trial: constants(trial) or 1.0, n_trials=2)
    assert len(alone.trials) == 11
    storage.engine.dispose()
