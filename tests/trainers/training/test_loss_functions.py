from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from lrtune import TrainingError, fit, range_test
from lrtune.trainers.training.loss_functions import of_batch

INPUTS, LABELS = torch.randn(64, 4), torch.randint(0, 3, (64,))
BATCHES = list(zip(INPUTS.split(8), LABELS.split(8), strict=True))


def own(model: nn.Module, batch: Any) -> torch.Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1])


@pytest.mark.parametrize(
    "loss", [nn.CrossEntropyLoss(), nn.CrossEntropyLoss, functional.cross_entropy, "torch.nn:CrossEntropyLoss"]
)
def test_a_loss_of_torch_is_called_with_outputs_and_targets(loss: Any) -> None:
    model = nn.Linear(4, 3)
    assert of_batch(loss)(model, BATCHES[0]) == own(model, BATCHES[0])
    assert of_batch(loss)(model, list(BATCHES[0])) == own(model, BATCHES[0])


def test_ones_own_function_is_left_as_it_is() -> None:
    assert of_batch(own) is own


def test_range_tests_and_trainings_take_a_loss_of_torch() -> None:
    def test(loss: Any) -> Any:
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        return range_test(model, optimizer, BATCHES, loss, steps=12, seeds=1).losses

    assert test(nn.CrossEntropyLoss()) == test(own)
    trained = [
        fit(lambda: nn.Linear(4, 3), (INPUTS, LABELS), loss_function=loss, learning_rate=0.1, epochs=2).final
        for loss in (nn.CrossEntropyLoss(), own)
    ]
    assert trained[0] == trained[1]


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (3, r"the loss function must be loss_function\(model, batch\), or a loss of torch, not a int"),
        ("CrossEntropyLoss", "there is no loss 'CrossEntropyLoss': write module:name, as in torch.nn:CrossEntropyLoss"),
        ("torch.nn:CrossEntropy", "there is no loss 'torch.nn:CrossEntropy'"),
    ],
)
def test_what_is_no_loss_is_refused(loss: Any, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        of_batch(loss)


def test_batches_that_are_no_pairs_are_named() -> None:
    with pytest.raises(
        TrainingError, match=r"CrossEntropyLoss needs batches of \(inputs, targets\), not 3 parts: write"
    ):
        of_batch(nn.CrossEntropyLoss())(nn.Linear(4, 3), (INPUTS, LABELS, LABELS))
    with pytest.raises(TrainingError, match="not a Tensor"):
        of_batch(functional.cross_entropy)(nn.Linear(4, 3), INPUTS)
