"""`lrtune study create --task --folds` and the worker that trains what the study says."""

import pytest

from lrtune.trainers.tasks import CATALOGUE
from tests.cli.conftest import Lrtune
from tests.fake_service import STUDY, FakeService


@pytest.fixture
def tags(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The tags of the study `s`."""
    said: dict[str, str] = {}
    monkeypatch.setitem(STUDY, "tags", said)
    return said


def test_a_study_of_a_built_in_task_searches_what_the_task_searches(
    lrtune: Lrtune, service: FakeService, address: str
) -> None:
    ran = lrtune("study", "create", "t", "--task", "random-forest", "--max-trials", "3")
    assert ran.code == 0, ran.err
    facts = CATALOGUE["random-forest"]
    assert service.bodies("/v1/studies")[0] == {
        "name": "t",
        "if_exists": "fail",
        "search_space": facts.search_space,
        "metric": "validation cross-entropy",
        "max_steps": 10,
        "max_trials": 3,
        "tags": {"task": "random-forest"},
    }
    assert "train it with: lrtune worker --study t\n" in ran.out
    plain = lrtune("study", "create", "t").out
    assert "--study t --task module:function (or -- PROGRAM), or a script with lrtune.Client\n" in plain


def test_a_cross_validated_grid_takes_one_command(lrtune: Lrtune, service: FakeService, address: str) -> None:
    ran = lrtune(
        *("study", "create", "t", "--task", "digits", "--only", "learning_rate,num_layers", "--low", "1e-3"),
        *("--sampler", "grid", "--points", "4", "--folds", "5", "--epochs", "7"),
    )
    assert ran.code == 0, ran.err
    body = service.bodies("/v1/studies")[0]
    assert body["search_space"] == {
        "learning_rate": {"type": "float", "low": 1e-3, "high": 10.0, "log": True},
        "num_layers": {"type": "int", "low": 1, "high": 6},
    }
    assert body["sampler"] == {"name": "grid", "points": 4}
    assert (body["max_steps"], body["pruner"]) == (5, {"name": "wilcoxon"})
    assert body["tags"] == {"task": "digits", "folds": "5", "epochs": "7"}


def test_flags_and_a_spec_go_before_what_the_task_says(
    lrtune: Lrtune, service: FakeService, address: str, tmp_path: object
) -> None:
    spec = f"{tmp_path}/spec.json"
    with open(spec, "w") as file:
        file.write(
            '{"metric": "error", "max_steps": 9, "tags": {"team": "a"}, "search_space": {"max_depth": {"type": "int"}}}'
        )
    lrtune(
        *("study", "create", "t", "--task", "decision-tree", "--spec", spec),
        *("--folds", "3", "--pruner", "none", "--param", "max_depth=int:1:4"),
    )
    body = service.bodies("/v1/studies")[0]
    assert (body["metric"], body["max_steps"], body["pruner"]) == ("error", 3, {"name": "none"})
    assert body["tags"] == {"team": "a", "task": "decision-tree", "folds": "3"}
    assert body["search_space"] == {"max_depth": {"type": "int", "low": 1, "high": 4}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "digit"], "--task 'digit' is not built in: did you mean 'digits'? there are digits, digits-cnn, "),
        (["--task", "digits", "--only", "depth"], "--only 'depth' is not in the task's search space: learning_rate, "),
        (["--only", "depth"], "--only 'depth' is not in the task's search space: give --task"),
        (["--points", "3"], "--points goes with --sampler grid"),
        (["--epochs", "3"], "--epochs goes with --folds"),
        (["--folds", "5", "--max-steps", "7"], "--max-steps is the number of folds here"),
    ],
)
def test_flags_that_do_not_fit_together_are_one_line(
    lrtune: Lrtune, address: str, arguments: list[str], message: str
) -> None:
    ran = lrtune("study", "create", "t", *arguments)
    assert ran.code == 2
    assert ran.err.startswith(f"lrtune: {message}")
    assert ran.err.count("\n") == 1


def test_a_worker_cross_validates_what_the_study_says(
    lrtune: Lrtune, service: FakeService, address: str, tags: dict[str, str]
) -> None:
    pytest.importorskip("sklearn")
    tags.update(task="decision-tree", folds="3")
    ran = lrtune("worker", "--study", "s")
    assert ran.code == 0, ran.err
    assert [body["reports"][0]["step"] for body in service.bodies("/reports")] == [1, 2, 3] * 2
    first, second = service.bodies("/result")
    assert first["value"] == second["value"], "the folds and the seeds are the same for every trial"
    assert first["standard_error"] > 0


@pytest.mark.parametrize(
    ("said", "arguments", "message"),
    [
        ({}, [], "say what trains: --task module:function, or one of digits, digits-cnn, "),
        ({"task": "os:abort"}, [], "say what trains: "),
        ({}, ["--task", "digit"], "task 'digit' names no function: did you mean 'digits'? write module:function, "),
        ({"task": "digits", "folds": "5"}, ["--folds", "3"], "--folds 3 is not the study's, which is 5: "),
        ({}, ["--task", "digits", "--epochs", "3"], "--epochs goes with --folds: "),
        ({}, ["--task", "json:dumps", "--folds", "3"], "json:dumps cannot be cut into folds: "),
    ],
)
def test_a_worker_that_cannot_know_what_to_train_says_so_in_one_line(
    lrtune: Lrtune, address: str, tags: dict[str, str], said: dict[str, str], arguments: list[str], message: str
) -> None:
    tags.update(said)
    ran = lrtune("worker", "--study", "s", *arguments)
    assert ran.code == 1
    assert ran.err.startswith(f"lrtune: {message}")
    assert ran.err.count("\n") == 1


def test_the_best_is_shown_with_its_standard_error(
    lrtune: Lrtune, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.fake_service import STATUS

    monkeypatch.setitem(STATUS, "best", {**STATUS["best"], "standard_error": 0.00213})  # type: ignore[dict-item]
    assert "0.031 ± 0.0021 (trial 17)" in lrtune("study", "show", "s").out
