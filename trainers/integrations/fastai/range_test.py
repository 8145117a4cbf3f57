"""A range test of a fastai Learner: its own optimizer, loss and callbacks, and everything put back."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from lrtune.service.rates.range_test.running_median import half_window
from lrtune.service.rates.range_test.stop_rule import StopRule
from lrtune.trainers.checks import at_least, trainable
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.integrations.fastai.framework import Callback, CancelFitException, CancelValidException
from lrtune.trainers.integrations.fastai.state import preserved, reseed
from lrtune.trainers.range_test.result import RangeTest
from lrtune.trainers.range_test.sweep import DEFAULT_SEEDS, exponential
from lrtune.trainers.state.random_state import seed_everything


def range_test(
    learn: Any,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    seeds: int | Sequence[int] = DEFAULT_SEEDS,
) -> RangeTest:
    """Tests rates from `low` to `high` on a Learner, as its `lr_find` does; everything is put back afterwards.

    It trains with the Learner's own optimizer, loss, data and callbacks; those that follow a metric are off, as with
    `lr_find`. Frozen layers stay frozen. Parameter groups keep the ratios that `learn.lr` gives them; the rates are the
    highest group's. Each seed begins with the same weights and sees another order. The loss is that of the batch with
    which the step was taken. Put back are model, optimizer, what was recorded and the random state.

    Raises TrainingError before the first step for a model with nothing to train, rates that are not finite, > 0 and
    rising, fewer than 10 steps, and data of one batch only.
    """
    seeds = range(at_least("seeds", seeds, 1)) if isinstance(seeds, int) else seeds
    if not seeds:
        raise TrainingError("seeds must name at least one seed, as in seeds=(0, 1, 2)")
    rates = exponential(low, high, steps)
    trainable(learn.model)
    batches = len(learn.dls.train)
    if batches < 2:
        raise TrainingError(
            f"there {'is one batch' if batches else 'are no batches'} to train on, and a range test takes 2 at the "
            "least: give the DataLoaders a smaller batch size"
        )
    return RangeTest.of(rates, [_losses(learn, rates, seed, batches) for seed in seeds], seeds)


def _losses(learn: Any, rates: Sequence[float], seed: int, batches: int) -> list[float]:
    sweep = _Sweep(rates)
    with ExitStack() as stack:
        stack.enter_context(preserved(learn))
        stack.enter_context(learn.no_logging())
        stack.enter_context(learn.removed_cbs([cb for cb in learn.cbs if cb.name == "progress"]))
        seed_everything(seed)
        reseed(learn, seed)
        learn.fit(-(-len(rates) // batches), cbs=sweep)
    return sweep.losses


class _Sweep(Callback):
    """Raises the rate, notes the loss. By its name fastai's callbacks, and lrtune's, know that this is no training."""

    order = 90  # After a schedule of the Learner's own, which would set the rate.
    name = "lr_finder"

    def __init__(self, rates: Sequence[float]) -> None:
        super().__init__()
        self.losses: list[float] = []
        self._rates = rates
        self._ratios: list[float] = []
        self._rule = StopRule(half_window=half_window(rates))

    def before_fit(self) -> None:
        given = [float(one["lr"]) for one in self.learn.opt.hypers]
        self._ratios = [one / max(given) for one in given]

    def before_batch(self) -> None:
        if self.learn.training:
            rate = self._rates[len(self.losses)]
            self.learn.opt.set_hyper("lr", [rate * ratio for ratio in self._ratios])

    def after_batch(self) -> None:
        if self.learn.training:
            self.losses.append(float(self.learn.loss.detach()))
            if self._rule.update(self.losses[-1]) or len(self.losses) == len(self._rates):
                raise CancelFitException

    def before_validate(self) -> None:
        raise CancelValidException
