"""What a built-in task offers, beside its `train` function: data, a model and a metric, to be used one by one."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

Params = Mapping[str, Any]
Report = Callable[[int, float], None]
"""Called with (epoch, value) after each epoch, counted from 1."""


@runtime_checkable
class Task(Protocol):
    """A training on data that comes with it.

    `fold` counts from 1 to `folds`; without both, a fixed quarter of the data is kept aside for validation. The
    same arguments always give the same numbers. Raises ValueError where a parameter cannot be.
    """

    @property
    def name(self) -> str:
        """The short name: `lrtune worker --task NAME`."""

    @property
    def metric(self) -> str:
        """What is reported; lower is better."""

    @property
    def default_epochs(self) -> int:
        """The length of a full training, in epochs (for a forest: trees)."""

    @property
    def search_space(self) -> dict[str, dict[str, Any]]:
        """As in the body of `POST /v1/studies`."""

    def fit(
        self,
        params: Params,
        epochs: int,
        seed: int,
        report: Report | None = None,
        *,
        fold: int | None = None,
        folds: int | None = None,
    ) -> float:
        """Trains for `epochs` epochs; the metric at the end, non-finite where the training diverged.

        Schedules end at `epochs`. `params` may leave out what has a usual value.
        """


class Passes(Protocol):
    """The training part, pass by pass."""

    @property
    def generator(self) -> "Generator":
        """Its state is the order of the passes to come."""

    def __len__(self) -> int:
        """Batches in a pass."""

    def __iter__(self) -> "Iterator[tuple[Tensor, ...]]":
        """One pass, in a new order."""


@runtime_checkable
class GradientTask(Task, Protocol):
    """A task whose model is trained by gradient descent."""

    def model(self, params: Params, seed: int) -> "nn.Module":
        """A new model with weights drawn from `seed`; the process's random state is left alone."""

    def loss(self, model: "nn.Module", batch: "tuple[Tensor, ...]") -> "Tensor":
        """The mean training loss over a batch: a scalar to call `backward` on."""

    def batches(self, params: Params, *, seed: int, fold: int | None = None, folds: int | None = None) -> Passes:
        """The training part in batches of `params["batch_size"]`; the passes' orders are drawn from `seed`."""

    def evaluate(self, model: "nn.Module", *, fold: int | None = None, folds: int | None = None) -> float:
        """The metric over the validation part."""
