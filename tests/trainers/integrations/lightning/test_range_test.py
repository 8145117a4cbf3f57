from typing import Any

import pytest
import torch
from torch import nn

lightning = pytest.importorskip("lightning", reason="needs lrtune[lightning]: make frameworks")

from lrtune import RangeTest, TrainingError  # noqa: E402
from lrtune.lightning import range_test  # noqa: E402
from tests.trainers.integrations.lightning.small import Net, fit, loader  # noqa: E402


def test_it_answers_as_the_range_test_of_torch_does() -> None:
    from lrtune import range_test as of_torch

    model = Net()
    tested = range_test(model, loader(), steps=40)
    assert isinstance(tested, RangeTest)
    expected = of_torch(
        model, model.configure_optimizers(), loader(), lambda module, batch: module.loss(batch), steps=40
    )
    assert tested == expected


@pytest.mark.filterwarnings("error:.*self.log")
def test_the_module_is_put_back_with_its_metrics_and_its_trainer() -> None:
    import torchmetrics

    class Measuring(Net):
        def __init__(self) -> None:
            super().__init__(dropout=0.2)
            self.mean = torchmetrics.MeanMetric()

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = super().training_step(batch, batch_idx)
            self.mean.update(loss.detach())
            return loss

    model = Measuring()
    fit(model=model, epochs=1)
    model.mean.update(3.0)
    weights, mean, drawn = model.state_dict(), model.mean.compute(), torch.get_rng_state()
    weights = {name: one.clone() for name, one in weights.items()}
    trainer = model.trainer
    range_test(model, loader(), steps=20, seeds=1)
    assert all(torch.equal(weights[name], one) for name, one in model.state_dict().items())
    assert torch.equal(model.mean.compute(), mean)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert model.trainer is trainer


class Data(lightning.LightningDataModule):
    """Makes its loader in `setup`."""

    def setup(self, stage: str) -> None:
        self.made = loader()

    def train_dataloader(self) -> Any:
        return self.made


class WithLoader(Net):
    def train_dataloader(self) -> Any:
        return loader()


@pytest.mark.parametrize(("model", "data"), [(Net, Data), (WithLoader, lambda: None)])
def test_data_may_come_from_a_data_module_or_the_module_itself(model: Any, data: Any) -> None:
    assert len(range_test(model(), data(), steps=20, seeds=1).losses[0]) >= 10


SGD = torch.optim.SGD


@pytest.mark.parametrize(
    "made",
    [
        lambda optimizer: {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1)},
        lambda optimizer: [optimizer],
        lambda optimizer: ([optimizer], []),
        lambda optimizer: ({"optimizer": optimizer},),
    ],
)
def test_the_optimizer_may_come_in_each_of_lightnings_forms(made: Any) -> None:
    model = Net()
    model.configure_optimizers = lambda: made(SGD(model.parameters(), 0.1))
    assert len(range_test(model, loader(), steps=20, seeds=1).losses[0]) >= 10


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda model: [SGD(model.parameters(), 0.1), SGD(model.parameters(), 0.1)], "one optimizer, not 2 optimizers"),
        (lambda model: None, "one optimizer, not a NoneType"),
    ],
)
def test_a_module_without_one_optimizer_is_refused(made: Any, words: str) -> None:
    model = Net()
    model.configure_optimizers = lambda: made(model)
    with pytest.raises(TrainingError, match=words):
        range_test(model, loader())


def test_manual_optimization_is_refused() -> None:
    model = Net()
    model.automatic_optimization = False
    with pytest.raises(TrainingError, match="cannot test a module with manual optimization"):
        range_test(model, loader())


def test_a_training_step_without_a_loss_is_named() -> None:
    class Odd(Net):
        def training_step(self, batch: Any) -> None:
            return None

    with pytest.raises(TrainingError, match=r"training_step must return a loss, .* not None"):
        range_test(Odd(), loader())


def test_a_loss_in_a_dictionary_is_found() -> None:
    class Telling(Net):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return {"loss": self.loss(batch), "others": nn.Identity()}

    assert len(range_test(Telling(), loader(), steps=20, seeds=1).losses[0]) >= 10
