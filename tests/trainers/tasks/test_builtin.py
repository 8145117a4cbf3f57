"""The built-in tasks: trained once each, briefly, and looked at by all tests."""

import math
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

from lrtune.service.wire.studies import NewStudy
from lrtune.trainers.tasks import CATALOGUE, TASKS

torch = pytest.importorskip("torch")

from lrtune.trainers.tasks.protocols import GradientTask, Task  # noqa: E402

GRADIENT = ("digits", "digits-cnn", "breast-cancer", "diabetes", "characters")
PARAMS: dict[str, dict[str, Any]] = {
    "digits": {"learning_rate": 0.1, "momentum": 0.9, "dropout": 0.1},
    "digits-cnn": {"learning_rate": 0.03, "momentum": 0.9, "weight_decay": 1e-4},
    "breast-cancer": {"learning_rate": 0.1},
    "diabetes": {"learning_rate": 0.01},
    "characters": {"learning_rate": 0.01, "optimizer": "adam", "dropout": 0.1},
    "decision-tree": {"max_depth": 8},
    "random-forest": {"n_estimators": 20},
}
WITHOUT_LEARNING = {
    "digits": math.log(10),
    "digits-cnn": math.log(10),
    "breast-cancer": math.log(2),
    "diabetes": 1.0,
    "characters": math.log(96),
    "decision-tree": 0.9,
    "random-forest": math.log(10),
}


class Trained(NamedTuple):
    value: float
    reports: list[tuple[int, float]]


EPOCHS = {"characters": 1, "decision-tree": 1}


def train(name: str, epochs: int | None = None, seed: int = 1) -> Trained:
    reports: list[tuple[int, float]] = []
    epochs = epochs or EPOCHS.get(name, 2)
    value = TASKS[name].fit(PARAMS[name], epochs, seed, lambda step, value: reports.append((step, value)))
    return Trained(value, reports)


@pytest.fixture(scope="module")
def trained() -> dict[str, Trained]:
    return {name: train(name) for name in TASKS}


@pytest.fixture(params=GRADIENT)
def gradient(request: pytest.FixtureRequest) -> GradientTask:
    task = TASKS[request.param]
    assert isinstance(task, GradientTask)
    return task


@pytest.mark.parametrize("name", TASKS)
def test_each_epoch_is_reported_from_one_on(trained: dict[str, Trained], name: str) -> None:
    assert [step for step, _ in trained[name].reports] == list(range(1, EPOCHS.get(name, 2) + 1))
    assert trained[name].reports[-1][1] == trained[name].value


@pytest.mark.parametrize("name", TASKS)
def test_a_sensible_setting_learns(trained: dict[str, Trained], name: str) -> None:
    assert trained[name].value < 0.8 * WITHOUT_LEARNING[name]


@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_gives_the_same_and_another_seed_something_else(trained: dict[str, Trained], name: str) -> None:
    torch.manual_seed(99)
    assert train(name) == trained[name]
    assert train(name, seed=2).value != trained[name].value


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_what_the_catalogue_says_and_the_service_takes_its_search_space(name: str) -> None:
    task, facts = TASKS[name], CATALOGUE[name]
    assert isinstance(task, Task)
    assert (task.name, task.metric, task.default_epochs) == (name, facts.metric, facts.default_epochs)
    spec = {"name": name, "metric": task.metric, "max_steps": task.default_epochs, "search_space": task.search_space}
    assert list(NewStudy.model_validate(spec).search_space) == list(task.search_space)
    assert isinstance(task, GradientTask) == (name in GRADIENT) == ("learning_rate" in task.search_space)


def test_an_unknown_task_is_answered_with_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"no task 'digit'; there are digits, digits-cnn, .*random-forest"):
        TASKS["digit"]


def test_the_list_of_tasks_needs_neither_torch_nor_scikit_learn() -> None:
    code = "import sys, lrtune.trainers.tasks as t; list(t.TASKS); "
    code += "print({'torch', 'sklearn', 'numpy'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_pass_has_every_row_once_and_the_next_pass_another_order(gradient: GradientTask) -> None:
    params = {"batch_size": 50}
    batches = gradient.batches(params, seed=3)
    sizes, sums = [], []
    for _ in range(2):
        rows = [batch[0] for batch in batches]
        assert len(rows) == len(batches)
        sizes.append([len(row) for row in rows])
        sums.append([float(row.double().sum()) for row in rows])
    assert sizes[0] == sizes[1]
    assert sum(sums[0]) == pytest.approx(sum(sums[1]))
    assert sums[0] != sums[1]
    state = batches.generator.get_state()
    once = [batch[0] for batch in batches]
    batches.generator.set_state(state)
    assert all(torch.equal(a, b[0]) for a, b in zip(once, batches, strict=True))


def test_a_task_can_be_trained_by_hand(gradient: GradientTask) -> None:
    model = gradient.model({}, seed=0)
    before = gradient.evaluate(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for batch in gradient.batches({}, seed=0):
        optimizer.zero_grad()
        gradient.loss(model, batch).backward()
        optimizer.step()
    assert gradient.evaluate(model) < before
    assert model.training, "evaluate leaves the mode as it was"


def test_the_metric_of_a_batch_is_on_average_the_loss(gradient: GradientTask) -> None:
    model = gradient.model({}, seed=0).eval()
    whole = next(iter(gradient.batches({"batch_size": 10**6}, seed=0)))
    parts = list(gradient.batches({"batch_size": 100}, seed=0))
    with torch.no_grad():
        mean = sum(float(gradient.loss(model, part)) * len(part[0]) for part in parts) / len(whole[0])
        assert float(gradient.loss(model, whole)) == pytest.approx(mean, rel=1e-4)


def test_making_a_model_leaves_the_random_state_alone(gradient: GradientTask) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    gradient.model({}, seed=3)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("layers", [1, 6])
def test_digits_have_as_many_hidden_layers_as_asked(layers: int) -> None:
    task = TASKS["digits"]
    assert isinstance(task, GradientTask)
    model = task.model({"num_layers": layers}, seed=0)
    assert sum(isinstance(module, torch.nn.Linear) for module in model.modules()) == layers + 1


def test_a_regression_that_diverges_ends_early_with_what_it_came_to() -> None:
    reports: list[float] = []
    value = TASKS["diabetes"].fit({"learning_rate": 1e4}, 20, 0, lambda _, value: reports.append(value))
    assert not math.isfinite(value)
    assert 0 < len(reports) < 20


def test_a_forest_is_the_same_however_it_is_grown_and_ends_when_it_is_whole(trained: dict[str, Trained]) -> None:
    whole = train("random-forest", epochs=10)
    assert whole.reports[:2] == trained["random-forest"].reports
    assert train("random-forest", epochs=12) == whole


def test_a_deeper_tree_reads_more_digits() -> None:
    tree = TASKS["decision-tree"]
    assert tree.fit({"max_depth": 10}, 1, 0) < tree.fit({"max_depth": 1}, 1, 0) - 0.3


def test_the_characters_are_those_of_pythons_own_documentation() -> None:
    from lrtune.trainers.tasks.builtin.characters import ALPHABET, MOST_CHARACTERS, text

    assert text().startswith("The Zen of Python, by Tim Peters\n")
    assert set(text()) <= set(ALPHABET)
    assert MOST_CHARACTERS / 2 < len(text()) <= MOST_CHARACTERS


@pytest.mark.parametrize("name", ["digits", "random-forest"])
def test_no_epochs_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="epochs must be at least 1, not 0"):
        TASKS[name].fit(PARAMS[name], 0, 0)


def test_no_batch_size_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        TASKS["diabetes"].fit({"learning_rate": 0.1, "batch_size": 0}, 1, 0)
