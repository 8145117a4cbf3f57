"""A small LightningModule, and a Trainer that leaves nothing behind."""

from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

_generator = torch.Generator().manual_seed(0)
X = torch.rand(200, 20, generator=_generator)
Y = (X[:, :1] + X[:, 1:2] > 1).float()
DATA = TensorDataset(X, Y)


def loader(*, shuffle: bool = True) -> DataLoader[Any]:
    return DataLoader(DATA, batch_size=25, shuffle=shuffle)


class Net(lightning.LightningModule):
    """Logs train_loss and val_loss."""

    def __init__(self, learning_rate: float = 0.01, *, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.learning_rate = learning_rate
        self.net = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 1))

    def loss(self, batch: Any) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(self.net(batch[0]), batch[1])

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = self.loss(batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), self.learning_rate)


QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}


def trainer(*callbacks: Any, epochs: int = 3, **how: Any) -> Any:
    quiet: dict[str, Any] = {**QUIET, "accelerator": "cpu"}
    return lightning.Trainer(max_epochs=epochs, callbacks=list(callbacks), **{**quiet, **how})


def fit(*callbacks: Any, model: Any = None, epochs: int = 3, ckpt_path: str | None = None, **how: Any) -> None:
    """A training of a new Trainer."""
    trained = Net() if model is None else model
    with_weights = {} if ckpt_path is None else {"ckpt_path": ckpt_path, "weights_only": True}
    trainer(*callbacks, epochs=epochs, **how).fit(trained, loader(), loader(shuffle=False), **with_weights)
