"""Grid search: each point once, whatever becomes of trials and workers; and cross-validation's standard error."""

import csv
import io
import itertools
import math
import random
import threading
from collections import Counter

import pytest

from lrtune.service.tuning.sampling.grid import Grid, GridWalk
from lrtune.service.tuning.sampling.snapshots import snapshot_for
from lrtune.service.wire.studies import NewStudy as Spec
from lrtune.service.wire.trials import Ask, LeasedTrial, NoTrial, Result
from tests.api.calls import Json, StudyCalls, train_all
from tests.api.conftest import NewStudy
from tests.support.clock import Clock
from tests.support.tuning import Tuning

SPACE: Json = {
    "learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam", None]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9, "when": {"optimizer": ["sgd"]}},
    "nesterov": {"type": "categorical", "choices": [True, False], "when": {"optimizer": ["sgd"], "num_layers": [2]}},
    "num_layers": {"type": "int", "low": 1, "high": 2},
}
POINTS = 3 * (3 * 1 + 3 * 2 + 2 + 2)
"""Rates times (sgd with one layer, sgd with two, adam, None)."""
GRID: Json = {"search_space": SPACE, "sampler": {"name": "grid", "points": 3}, "max_steps": 5}


def key(params: Json) -> str:
    return str(sorted(params.items(), key=lambda item: item[0]))


def distinct(study: StudyCalls) -> Counter[int]:
    """How many points have how many trials."""
    return Counter(Counter(key(trial["params"]) for trial in study.trials(limit=1000)).values())


def expected() -> set[str]:
    points = set()
    for rate, layers in itertools.product([1e-3, math.sqrt(1e-3 * 1e-1), 1e-1], [1, 2]):
        both = {"learning_rate": rate, "num_layers": layers}
        points |= {key({**both, "optimizer": "adam"}), key({**both, "optimizer": None})}
        for momentum in (0.0, 0.45, 0.9):
            sgd = {**both, "optimizer": "sgd", "momentum": momentum}
            points |= {key({**sgd, "nesterov": n}) for n in (True, False)} if layers == 2 else {key(sgd)}
    return points


def test_a_grid_has_each_combination_that_its_conditions_allow(new_study: NewStudy) -> None:
    study = new_study(**GRID)
    tried = train_all(study, 1, lambda trial: study.finish(trial, value=1.0))
    assert len(tried) == POINTS
    assert {key(trial["params"]) for trial in tried} == expected()


def test_workers_that_fail_release_and_vanish_leave_each_point_with_one_trial(
    timed_study: NewStudy, clock: Clock
) -> None:
    study = timed_study(**GRID, max_attempts=100)
    chance, turn = random.Random(5), threading.Lock()

    def train(trial: Json) -> None:
        with turn:
            what = chance.choice(["complete", "failed", "pruned", "released", "vanished", "diverged"])
            if what == "vanished":
                clock.advance(61)
                study.expire()
            elif what == "released":
                study.release(trial)
            else:
                study.result(trial, what, **({"value": 1.0} if what == "complete" else {}))

    leased = train_all(study, 6, train)
    assert len(leased) > POINTS, "some were leased again"
    assert distinct(study) == {1: POINTS}
    assert study.done_reason() == "search_space_exhausted"
    status = study.get("/status")
    assert (status["state"], sum(status["trials"].values())) == ("finished", POINTS)


def test_a_budget_below_the_grid_ends_it_exactly_and_a_raised_one_goes_on(new_study: NewStudy) -> None:
    study = new_study(**GRID, max_trials=7)
    train_all(study, 4, lambda trial: study.finish(trial, value=1.0))
    assert study.ask().json()["reason"] == "max_trials"
    assert distinct(study) == {1: 7}
    study.patch(max_trials=1000)
    train_all(study, 4, lambda trial: study.finish(trial, value=1.0))
    assert study.ask().json()["reason"] == "search_space_exhausted"
    assert distinct(study) == {1: POINTS}


def test_points_from_outside_count_where_they_are_on_the_grid(new_study: NewStudy) -> None:
    study = new_study(**GRID)
    on = {"learning_rate": 1e-3, "optimizer": "adam", "num_layers": 1}
    off = {"learning_rate": 2e-3, "optimizer": "adam", "num_layers": 1}
    for params in (on, on, off):
        assert study.post("/trials/record", {"params": params, "value": 1.0}).status_code == 201
    assert study.post("/trials/enqueue", {"params": {"optimizer": None, "num_layers": 2}}).status_code == 201
    assert study.post("/trials/enqueue", {"params": {"optimizer": "sgd", "momentum": 0.123}}).status_code == 201
    tried = train_all(study, 1, lambda trial: study.finish(trial, value=1.0))
    assert {k: v for k, v in tried[0]["params"].items() if k != "learning_rate"} == {
        "optimizer": None,
        "num_layers": 2,
    }
    assert key(tried[0]["params"]) in expected()
    assert tried[1]["params"]["momentum"] == 0.123
    new = Counter(key(trial["params"]) for trial in tried[2:])
    assert set(new) | {key(on), key(tried[0]["params"])} == expected()
    assert set(new.values()) == {1}


def test_a_service_that_forgot_the_study_goes_on_where_it_was(storage_url: str) -> None:
    with Tuning(storage_url) as tuning:
        tuning.create(name="s", **GRID)
        params = []
        for number in range(POINTS):
            if number % 5 == 3:
                tuning.forget("s")
            trial = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=f"r{number}")))
            assert isinstance(trial, LeasedTrial)
            params.append(key(trial.params))
            tuning.run(tuning.trials.result("s", trial.number, Result(lease=trial.lease, state="pruned")))
        assert set(params) == expected()
        done = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id="last")))
        assert isinstance(done, NoTrial)
        assert (done.done, done.reason) == (True, "search_space_exhausted")


@pytest.mark.parametrize("sampler", [{"name": "grid", "points": 20}, {"name": "bruteforce"}])
def test_an_ask_looks_at_no_trial_twice(tmp_path: object, sampler: Json) -> None:
    rate = {"type": "float", "low": 0.1, "high": 2.0, "step": 0.1}
    with Tuning(f"sqlite:///{tmp_path}/a.db") as tuning:
        tuning.create(name="s", search_space={"learning_rate": rate}, sampler=sampler)
        for number in range(20):
            trial = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=f"r{number}")))
            assert isinstance(trial, LeasedTrial)
            tuning.run(tuning.trials.result("s", trial.number, Result(lease=trial.lease, state="complete", value=0.5)))
            study = tuning.run(tuning.studies.get("s"))
            assert study.spec is not None
            snapshot = snapshot_for(study.spec, study)
            assert len(snapshot.trials) == 1
            assert (snapshot.point == {}) == (number == 19)
            study.trials[0].params = dict(snapshot.point or {})  # Looked at long ago: this is not seen any more.
            assert snapshot_for(study.spec, study).point == snapshot.point


def test_the_order_depends_on_the_seed_alone() -> None:
    space = Spec.model_validate({"name": "s", "search_space": SPACE}).search_space
    grids = [[tuple(map(str, Grid(space, 3, seed)[i])) for i in range(POINTS)] for seed in (0, 0, 1)]
    assert grids[0] == grids[1] != grids[2]
    assert sorted(grids[0]) == sorted(grids[2])


def test_a_trial_whose_parameters_come_one_by_one_counts_once_they_are_there() -> None:
    from optuna.trial import TrialState

    from lrtune.service.storage.memory.study import StudyMirror, TrialMirror

    space = {name: SPACE[name] for name in ("learning_rate", "num_layers")}
    walk = GridWalk(Grid(Spec.model_validate({"name": "s", "search_space": space}).search_space, 2, 0))
    study = StudyMirror(1, "s", [])
    foreign = TrialMirror(1, 0, TrialState.RUNNING)
    study.trials.append(foreign)
    first = walk.next_point(study, {})
    foreign.params = {"learning_rate": first["learning_rate"]}
    assert walk.next_point(study, {}) == first
    foreign.params = dict(first)
    assert walk.next_point(study, {}) != first


@pytest.mark.parametrize(
    ("space", "points"),
    [
        ({"x": {"type": "float", "low": 0, "high": 1}, "y": {"type": "float", "low": 0, "high": 1}}, 400),
        ({"x": {"type": "float", "low": 0, "high": 1, "step": 1e-9}}, 2),
        (
            {
                "kind": {"type": "categorical", "choices": ["a", "b"]},
                "x": {"type": "float", "low": 0, "high": 1, "when": {"kind": ["a"]}},
                "y": {"type": "float", "low": 0, "high": 1, "when": {"kind": ["a"]}},
            },
            400,
        ),
    ],
    ids=["plain", "steps", "conditions"],
)
def test_a_grid_that_is_too_large_is_refused(new_study: NewStudy, client: object, space: Json, points: int) -> None:
    study = new_study()
    body = {"name": "large", "search_space": space, "sampler": {"name": "grid", "points": points}}
    response = study.client.post("/v1/studies", json=body)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["loc"] == ["sampler", "points"]
    assert "the most is 100000" in error["msg"] or "more than 100000" in error["msg"]


def test_a_standard_error_is_kept_with_the_value(each_study: NewStudy) -> None:
    study = each_study(max_steps=5)
    trial = study.lease()
    assert study.finish(trial, value=0.5, standard_error=0.25)["standard_error"] == 0.25
    assert study.finish(trial, value=0.5, standard_error=0.25)["standard_error"] == 0.25
    assert study.trial(0)["standard_error"] == 0.25
    assert study.get("/status")["best"]["standard_error"] == 0.25
    pruned = study.lease()
    assert study.finish(pruned, "pruned", standard_error=0.25)["standard_error"] is None
    rows = list(csv.DictReader(io.StringIO(study.client.get(study.path + "/trials.csv").text)))
    assert [row["standard_error"] for row in rows] == ["0.25", ""]


@pytest.mark.parametrize("error", [-0.1, "nan", "0.1", True])
def test_a_standard_error_that_is_none_is_refused(study: StudyCalls, error: object) -> None:
    response = study.result(study.lease(), "complete", value=0.5, standard_error=error)
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["standard_error"]


def test_the_folds_of_a_poor_setting_are_cut_short_by_wilcoxon(new_study: NewStudy) -> None:
    study = new_study(sampler={"name": "random"}, pruner={"name": "wilcoxon"}, max_steps=10)
    good = study.lease()
    assert study.verdict(good, *((fold, 0.1 + fold / 100) for fold in range(1, 11)))["verdict"] == "continue"
    study.finish(good, value=0.155, standard_error=0.01)
    assert study.trial(0)["diagnosis"]["verdict"] == "unclear", "folds in their order are no learning curve"
    poor = study.lease()
    verdicts = [study.verdict(poor, (fold, 0.2 + fold / 100)) for fold in range(1, 5)]
    assert [verdict["verdict"] for verdict in verdicts] == ["continue"] * 3 + ["stop"]
    assert verdicts[-1]["reason"] == "pruned"
