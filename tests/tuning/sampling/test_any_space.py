"""What is handed out is taken: every sampler, over spaces of every kind."""

import itertools
import logging
from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.state.space.params import check_params
from lrtune.service.wire.search_space import is_active
from lrtune.service.wire.trials import Ask, Enqueue, LeasedTrial, Record, Result
from tests.support.spaces import search_spaces
from tests.support.tuning import Tuning

_numbers = itertools.count()
ANY = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
SAMPLERS: list[dict[str, Any]] = [
    {"name": "auto"},
    {"name": "tpe", "n_startup_trials": 2},
    {"name": "cmaes"},
    {"name": "qmc"},
    {"name": "qmc", "qmc_type": "halton", "scramble": False},
    {"name": "random"},
    {"name": "grid", "points": 3},
    {"name": "bruteforce"},
]


@pytest.fixture(scope="module")
def tuning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuning]:
    with Tuning(f"sqlite:///{tmp_path_factory.mktemp('spaces')}/a.db") as tuning:
        yield tuning


def ask(tuning: Tuning, name: str, **flags: bool) -> LeasedTrial | None:
    body = Ask(worker="w", request_id=f"r{next(_numbers)}", **flags)
    trial = tuning.run(tuning.trials.ask(name, body))
    return trial if isinstance(trial, LeasedTrial) else None


def trained(tuning: Tuning, name: str, count: int, **flags: bool) -> list[dict[str, Any]]:
    """The parameters of so many trials, which have ended with values that tell the samplers something."""
    found = []
    for number in range(count):
        trial = ask(tuning, name, **flags)
        if trial is None:
            break
        result = Result(lease=trial.lease, state="complete", value=float(number % 3))
        tuning.run(tuning.trials.result(name, trial.number, result))
        found.append(trial.params)
    return found


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: "-".join(map(str, sampler.values())))
@ANY
@given(data=st.data(), flags=st.fixed_dictionaries({"anneals": st.booleans(), "resumable": st.booleans()}))
def test_what_a_sampler_hands_out_can_be_recorded_and_enqueued(
    tuning: Tuning, caplog: pytest.LogCaptureFixture, sampler: dict[str, Any], data: st.DataObject, flags: Any
) -> None:
    space = data.draw(search_spaces(coarse=sampler["name"] in ("grid", "bruteforce")))
    name = f"s{next(_numbers)}"
    caplog.clear()
    tuning.create(name=name, search_space=space, sampler=sampler, max_steps=9, prior="none")
    with caplog.at_level(logging.WARNING):
        drawn = trained(tuning, name, 7, **flags)
        assert drawn
    if sampler["name"] != "tpe":  # Optuna's gives out where a logarithm cannot tell the bounds apart.
        assert not caplog.records, "a draw failed, and was made at random"
    spec = tuning.run(tuning.studies.get(name)).spec
    assert spec is not None
    for params in drawn:
        assert check_params(spec.search_space, params, complete=True) == params
        tuning.run(tuning.trials.record(name, Record(params=params, value=1.0)))
    tuning.run(tuning.trials.enqueue(name, Enqueue(params=drawn[0])))
    again = ask(tuning, name)
    assert again is not None
    assert again.params == drawn[0]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: "-".join(map(str, sampler.values())))
@ANY
@given(data=st.data())
def test_what_is_enqueued_is_trained_or_refused(tuning: Tuning, sampler: dict[str, Any], data: st.DataObject) -> None:
    space = data.draw(search_spaces(coarse=sampler["name"] in ("grid", "bruteforce")))
    name = f"s{next(_numbers)}"
    tuning.create(name=name, search_space=space, sampler=sampler, prior="none")
    spec = tuning.run(tuning.studies.get(name)).spec
    assert spec is not None
    whole = data.draw(st.sampled_from(trained(tuning, name, 4)))
    more = data.draw(st.sampled_from(trained(tuning, name, 4) or [whole]))
    kept = data.draw(st.sets(st.sampled_from(sorted({**whole, **more})), min_size=1))
    params = {key: value for key, value in {**whole, **more}.items() if key in kept}
    try:
        tuning.run(tuning.trials.enqueue(name, Enqueue(params=params)))
    except InvalidField:
        return
    trial = ask(tuning, name)
    assert trial is not None
    assert params.items() <= trial.params.items()
    assert check_params(spec.search_space, trial.params, complete=True) == trial.params


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: "-".join(map(str, sampler.values())))
def test_parents_left_out_are_drawn_so_that_what_was_enqueued_exists(tuning: Tuning, sampler: dict[str, Any]) -> None:
    space = {
        "optimizer": {"type": "categorical", "choices": ["adam", "sgd", "lars", None]},
        "momentum": {"type": "float", "low": 0, "high": 1, "step": 0.5, "when": {"optimizer": ["sgd", "lars", None]}},
        "nesterov": {
            "type": "categorical",
            "choices": [True, False],
            "when": {"momentum_on": [1], "optimizer": ["sgd"]},
        },
        "momentum_on": {"type": "int", "low": 0, "high": 1},
        "depth": {"type": "int", "low": 1, "high": 4},
    }
    name = f"s{next(_numbers)}"
    tuning.create(name=name, search_space=space, sampler=sampler, prior="none")
    for params in [{"momentum": 0.5}, {"nesterov": True}, {"momentum": 1.0, "nesterov": False}] * 3:
        tuning.run(tuning.trials.enqueue(name, Enqueue(params=params)))
    for number in range(9):
        trial = ask(tuning, name)
        assert trial is not None
        assert [{"momentum": 0.5}, {"nesterov": True}, {"momentum": 1.0, "nesterov": False}][number % 3].items() <= (
            trial.params.items()
        )
        assert all(is_active(p, trial.params) == (n in trial.params) for n, p in _spec(tuning, name).items())


def _spec(tuning: Tuning, name: str) -> Any:
    spec = tuning.run(tuning.studies.get(name)).spec
    assert spec is not None
    return spec.search_space


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"momentum": 0.5, "beta": 0.5}, "momentum"),
        ({"momentum": 0.5, "optimizer": "adam"}, "momentum"),
        ({"nesterov": True, "optimizer": "adam"}, "nesterov"),
        ({"nesterov": True, "beta": 0.5}, "nesterov"),
    ],
)
def test_an_enqueued_parameter_that_the_others_exclude_is_refused_by_name(
    tuning: Tuning, params: dict[str, Any], field: str
) -> None:
    name = f"s{next(_numbers)}"
    space = {
        "optimizer": {"type": "categorical", "choices": ["adam", "sgd"]},
        "momentum": {"type": "float", "low": 0, "high": 1, "when": {"optimizer": ["sgd"]}},
        "use": {"type": "categorical", "choices": [True, False], "when": {"optimizer": ["sgd"]}},
        "nesterov": {"type": "categorical", "choices": [True, False], "when": {"use": [True]}},
        "beta": {"type": "float", "low": 0, "high": 1, "when": {"optimizer": ["adam"]}},
    }
    tuning.create(name=name, search_space=space, prior="none")
    with pytest.raises(InvalidField, match="leave one of them out") as caught:
        tuning.run(tuning.trials.enqueue(name, Enqueue(params=params)))
    assert caught.value.loc[0] == "params"
    assert caught.value.loc[1] in params
    assert field in params


STEPS = [(0.0, 0.3, 0.1), (0.1, 0.7, 0.1), (0.0, 0.6, 0.2), (0.0, 0.9, 0.1), (0.05, 0.35, 0.05), (-0.3, 0.3, 0.1)]


@pytest.mark.parametrize(("low", "high", "step"), STEPS)
@pytest.mark.parametrize("sampler", ["grid", "bruteforce", "random", "tpe", "auto"])
def test_a_study_with_steps_can_be_copied_by_optuna(
    tuning: Tuning, sampler: str, low: float, high: float, step: float
) -> None:
    name = f"s{next(_numbers)}"
    space = {"dropout": {"type": "float", "low": low, "high": high, "step": step}}
    tuning.create(name=name, search_space=space, sampler={"name": sampler}, prior="none")
    values = [params["dropout"] for params in trained(tuning, name, 12)]
    assert max(values) <= high
    if sampler in ("grid", "bruteforce"):
        assert high in values
        assert [repr(value) for value in sorted(values)] == sorted((repr(round(v, 9) + 0.0) for v in values), key=float)
    optuna.copy_study(from_study_name=name, from_storage=tuning.url, to_storage="sqlite://")
