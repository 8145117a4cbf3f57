import random
from typing import Any

import numpy as np
import pytest
import torch

keras = pytest.importorskip("keras", reason="needs lrtune[keras]: make frameworks")

from lrtune import RangeTest, TrainingError  # noqa: E402
from lrtune.keras import ScheduledLearningRate, range_test  # noqa: E402
from tests.trainers.integrations.keras.small import X, Y, network  # noqa: E402


def test_it_answers_as_the_range_test_of_torch_does() -> None:
    tested = range_test(network(), X, Y)
    assert isinstance(tested, RangeTest)
    assert tested.seeds == (0, 1, 2)
    assert 1e-4 < tested.analysis.recommended < 0.3


@pytest.mark.parametrize("broken", ["x", "y"])
def test_data_that_is_not_finite_is_blamed_and_no_rate(broken: str) -> None:
    x, y = X.copy(), Y.copy()
    (x if broken == "x" else y)[::7] = np.nan
    with pytest.raises(TrainingError, match=rf"^{broken} holds numbers that are not finite"):
        range_test(network(), x, y, steps=20, seeds=1)


def state(model: Any) -> dict[str, np.ndarray]:
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return {one.path: keras.ops.convert_to_numpy(one).copy() for one in variables}


@pytest.mark.parametrize("trained", [True, False])
def test_model_optimizer_and_random_state_are_put_back(trained: bool) -> None:
    model = network(dropout=0.2)
    if trained:
        model.fit(X, Y, verbose=0)
    else:
        model(X[:1])
        model.optimizer.build(model.trainable_variables)
    before, drawn = state(model), (torch.get_rng_state(), random.getstate(), np.random.get_state()[1])
    range_test(model, X, Y, steps=20, seeds=1)
    after = state(model)  # A model that was never trained has its metrics' variables since.
    assert [name for name in before if not np.array_equal(before[name], after[name])] == []
    assert torch.equal(drawn[0], torch.get_rng_state())
    assert random.getstate() == drawn[1]
    assert np.array_equal(np.random.get_state()[1], drawn[2])


def test_a_training_afterwards_is_the_same_as_without_it() -> None:
    losses = []
    for tested in (False, True):
        model = network(dropout=0.2)
        model.fit(X, Y, verbose=0)  # The first `fit` draws batches to build the model by, where nothing has built it.
        keras.utils.set_random_seed(3)
        if tested:
            range_test(model, X, Y, steps=20, seeds=2)
        losses.append(model.fit(X, Y, verbose=0).history["loss"])
    assert losses[0] == losses[1]


def test_the_same_seed_gives_the_same_losses_and_another_one_others() -> None:
    model = network()
    first, again, other = (range_test(model, X, Y, steps=20, seeds=[seed]).losses[0] for seed in (4, 4, 5))
    assert first == again != other


def test_a_loss_that_refuses_what_is_not_finite_ends_the_test_as_a_divergence_does() -> None:
    def loss(true: Any, predicted: Any) -> Any:
        keras.losses.binary_crossentropy(true, predicted - predicted)  # 0, but nan of infinity, for which torch raises.
        return keras.losses.mean_absolute_error(true, predicted)

    model = keras.Sequential([keras.layers.Dense(9), keras.layers.Dense(1)])
    model.compile("sgd", loss)
    (losses,) = range_test(model, X, Y, low=1e-3, high=1e38, steps=10, seeds=1).losses
    assert len(losses) < 10
    assert np.isnan(losses[-1])


def test_an_error_of_the_training_is_none_of_the_rates() -> None:
    def loss(true: Any, predicted: Any) -> Any:
        raise RuntimeError("out of memory, say")

    model = network()
    model.compile("sgd", loss)
    with pytest.raises(RuntimeError, match="out of memory, say"):
        range_test(model, X, Y, steps=10, seeds=1)


def test_batches_may_come_from_a_loader_of_torch() -> None:
    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = torch.utils.data.DataLoader(data, batch_size=50, shuffle=True)
    assert len(range_test(network(), loader, steps=30, seeds=1).losses[0]) > 20


def test_a_model_of_several_inputs_is_tested() -> None:
    inputs = {name: keras.Input((10,), name=name) for name in ("left", "right")}
    joined = keras.layers.Concatenate()(list(inputs.values()))
    model = keras.Model(inputs, keras.layers.Dense(1)(joined))
    model.compile("sgd", "mse")
    tested = range_test(model, {"left": X[:, :10], "right": X[:, 10:]}, Y, steps=20, seeds=1)
    assert len(tested.losses[0]) >= 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"batch_size": 600}, "1000 samples are fewer than two batches of 600: give a smaller batch_size"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"low": 1.0, "high": 0.1}, "low must be below high"),
        ({"steps": 3}, "steps must be at least 10, not 3"),
        ({"seeds": ()}, "seeds must name at least one seed"),
        ({"y": Y[:10]}, r"x and y must be arrays of equally many samples, not of the shapes \(1000, 20\), \(10, 1\)"),
        ({"y": None}, "y is missing: give arrays x and y"),
        ({"x": iter([(X, Y)]), "y": None}, "must be an iterable that can be begun again, not a list_iterator"),
        ({"x": [(X, Y)], "y": None}, "there are 1 batches, and a range test takes 2 at the least"),
    ],
)
def test_what_cannot_be_tested_is_refused_before_the_first_step(arguments: dict[str, Any], words: str) -> None:
    model = network()
    with pytest.raises(TrainingError, match=words):
        range_test(model, **{"x": X, "y": Y, **arguments})
    assert int(model.optimizer.iterations) == 0


def test_a_model_that_is_not_compiled_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"call model\.compile\(optimizer=…, loss=…\) first"):
        range_test(keras.Sequential([keras.layers.Dense(1)]), X, Y)


@pytest.mark.parametrize("rate", [ScheduledLearningRate("cosine", 0.1, total_steps=9), lambda: 0.1])
def test_an_optimizer_that_sets_its_own_rate_is_refused(rate: Any) -> None:
    with pytest.raises(TrainingError, match="compile the model with a number as its learning_rate first"):
        range_test(network(rate), X, Y)


def test_a_train_step_without_a_loss_is_named() -> None:
    class Odd(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def train_step(self, *_: Any) -> dict[str, float]:
            return {"error": 0.5}

    model = Odd()
    model.compile("sgd", "mse")
    with pytest.raises(TrainingError, match="train_step must return a 'loss', not only error"):
        range_test(model, X, Y)
