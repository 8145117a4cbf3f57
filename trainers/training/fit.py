"""A training loop with nothing hidden: read it, use it, or copy what you need.

result = fit(build_model, (inputs, labels), loss_function=loss, validation=(more_inputs, more_labels),
             optimizer="adamw", learning_rate=3e-3, schedule="cosine", epochs=20)
result.final, result.diagnosis.verdict
"""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from lrtune.service.rates.starting_rates import starting_rate
from lrtune.trainers.checks import at_least
from lrtune.trainers.distributed.model_ranks import ModelRanks, OneProcess, bare, ranks_of
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.clipping import Clipper
from lrtune.trainers.state import checkpoints as files
from lrtune.trainers.state.places.opened import place_of
from lrtune.trainers.state.random_state import random_state_kept, seed_everything
from lrtune.trainers.state.resumed import begins_anew, resumed_state
from lrtune.trainers.state.shared_files import trial_prefix
from lrtune.trainers.training.data import Stream, as_batches, shared_batches
from lrtune.trainers.training.learner import Learner
from lrtune.trainers.training.loss_functions import LossFunction
from lrtune.trainers.training.result import Evaluation, FitResult
from lrtune.trainers.training.resuming import check_settings, settings_of
from lrtune.trainers.training.setup import optimizer_for, pick_device, set_dropout
from lrtune.trainers.training.together import check_together, go_on_randomly, random_states

if TYPE_CHECKING:
    from lrtune.trainers.client.leased_trial import LeasedTrial

MOST_SKIPPED = 40
"""Steps in a row that AMP may skip before the training counts as diverged."""


def fit(
    model_factory: Callable[[], nn.Module],
    data: Any,
    *,
    loss_function: LossFunction,
    validation: Any = None,
    evaluate: Callable[[nn.Module], float] | None = None,
    optimizer: str | Mapping[str, Any] = "adamw",
    learning_rate: float | None = None,
    schedule: Any = "default",
    epochs: int = 10,
    batch_size: int = 64,
    accumulate: int = 1,
    weight_decay: float = 0.0,
    layer_decay: float | None = None,
    rates: Mapping[str, float] | None = None,
    dropout: float | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    device: str = "auto",
    precision: str = "fp32",
    evaluate_every: int | None = None,
    seed: int = 0,
    trial: "LeasedTrial | SharedTrial | None" = None,
    checkpoints: str | Path | None = None,
    keep_checkpoints: bool = False,
    resume: str | Path | None = None,
) -> FitResult:
    """Trains the model that `model_factory()` makes; the same arguments give the same numbers on one machine's CPU.

    - `data`, `validation`: tensors [n, …] (a tuple of them), a torch data set, or a loader (with a batch size of its
      own; its generators are seeded). `loss_function(model, batch)` is the mean loss of a batch. The metric is
      `evaluate(model)`, lower is better, else the mean loss over `validation`, else the mean training loss since the
      last evaluation.
    - `optimizer`: a name, or `{"name": "adam", "betas": (0.9, 0.99)}`; `learning_rate` None is the usual one of this
      optimizer, 1e-3 for adamw (`lrtune.service.rates.starting_rates`); `weight_decay`, `layer_decay` and `rates` as in
      `lrtune.parameter_groups`. `schedule`: a name or its JSON form, applied per optimizer step.
    - `accumulate` micro-batches of `batch_size` make one optimizer step. `dropout` sets every dropout in the model.
    - `device`: auto, cpu, cuda, cuda:1, mps. `precision`: fp32, bf16, fp16 (autocast; fp16 with a loss scale).
    - `evaluate_every` optimizer steps the metric is taken (None: after every epoch), and a checkpoint written to
      `checkpoints`, a folder or a URI. `resume`: a checkpoint, to go on from bit for bit, with the same settings; the
      length and the device may be others.
    - `trial`: a leased trial, open. Evaluation n is reported as step n; `trial.max_steps` evaluations are the length of
      the training, in place of `epochs`; it goes on from `trial.resume`. TrialStopped and LeaseLost pass through. Its
      checkpoints are removed when it is over, the last one of the study's best trial aside, unless `keep_checkpoints`.

    - Several ranks train a model that `model_factory` returns as DistributedDataParallel, or after `fully_shard`: all
      call `fit` alike. Losses and metrics are means over ranks. `batch_size` is that of all together: each rank has its
      part of every batch; a loader is each rank's own. A checkpoint is written once, and can be gone on from by one
      process or by any number.

    A loss or metric that is not finite ends the training as diverged. Raises TrainingError, before the first step,
    for what cannot be.
    """
    arguments = dict(locals())
    if learning_rate is None:
        name = optimizer if isinstance(optimizer, str) else str(optimizer.get("name"))
        arguments["learning_rate"] = starting_rate(name).learning_rate
    with random_state_kept():
        return _Training(**arguments).run()


class _Training:
    """A training between two optimizer steps."""

    def __init__(self, model_factory: Callable[[], nn.Module], data: Any, **how: Any) -> None:
        how["data"] = data
        how["seed"] = at_least("seed", how["seed"], 0)
        self.how = how
        self.trial: LeasedTrial | SharedTrial | None = how["trial"]
        self.place = None if how["checkpoints"] is None else place_of(how["checkpoints"])
        prefix = "fit"
        if self.trial is not None and self.place is not None:
            prefix = trial_prefix(self.trial, self.place, keep=how["keep_checkpoints"])
        self.writer = None if self.place is None else files.Writer(self.place, prefix)
        device = pick_device(how["device"])
        batches = as_batches(data, how["batch_size"], shuffle=True)
        self.stream = Stream(batches, accumulate=how["accumulate"], seed=how["seed"])
        self.validation = how["validation"]
        if self.validation is not None:
            self.validation = as_batches(self.validation, how["batch_size"], shuffle=False)
        self.every = at_least("evaluate_every", how["evaluate_every"] or self.stream.per_epoch, 1)
        self.total_steps = self._length()
        seed_everything(how["seed"])
        model = model_factory()
        if ranks_of(model) is None:
            model = model.to(device)
        set_dropout(model, how["dropout"])
        rates = {name: how[name] for name in ("learning_rate", "weight_decay", "layer_decay", "rates")}
        self.learner = Learner(
            model,
            optimizer_for(bare(model), how["optimizer"], **rates),
            how["loss_function"],
            schedule=how["schedule"],
            total_steps=self.total_steps,
            precision=how["precision"],
            clipper=Clipper(norm=how["clip_norm"], value=how["clip_value"]),
        )
        self.settings = settings_of(how, self.stream)
        self.ranks: ModelRanks | OneProcess = OneProcess()
        self._share(self.learner.step.ranks)
        self.taken = self.position = self.kept = 0
        self.losses: list[float] = []
        self.curve: list[Evaluation] = []
        self.seconds_before, self.began = 0.0, time.perf_counter()

    def _share(self, several: ModelRanks | None) -> None:
        """Takes this rank's part of the data, where several train the model; their noise differs."""
        self.ranks = several or self.ranks
        check_together(self.ranks, self.trial, self.settings | {"total_steps": self.total_steps})
        if several is None:
            return
        self.stream.batches = shared_batches(self.stream.batches, self.how["data"], several)
        if self.validation is not None:
            self.validation = shared_batches(self.validation, self.how["validation"], several)
        if several.rank:
            seed_everything(self.how["seed"] + several.seed_offset)

    def _length(self) -> int:
        if self.trial is not None and self.trial.max_steps is not None:
            return int(self.trial.max_steps) * self.every
        return at_least("epochs", self.how["epochs"], 1) * self.stream.per_epoch

    def run(self) -> FitResult:
        self._begin()
        if self.trial is None or self.writer is None:
            return self._train()
        with self.trial.notice.heeded():
            return self._train()

    def _train(self) -> FitResult:
        self.learner.mode(training=True)
        skipped, groups = 0, self.stream.groups(self.position)
        while self.taken < self.total_steps:
            self._leave_where_told()
            loss, taken = self.learner.step(next(groups))
            self.position += 1
            skipped = 0 if taken else skipped + 1
            if not math.isfinite(loss) or skipped > MOST_SKIPPED:
                return self._diverged(math.nan if math.isfinite(loss) else loss)
            if not taken:
                continue
            self.losses.append(loss)
            self.taken += 1
            if self.taken % self.every and self.taken < self.total_steps:
                self.learner.scheduler.step()
            elif not math.isfinite(self._evaluate()):
                return self._result("diverged")
        return self._result("complete")

    def _begin(self) -> None:
        """Loads the checkpoint there is. A leased trial's that is out of reach, or of other settings, means: from the
        start."""
        trial = self.trial
        if self.how["resume"] is not None:
            self.load(self.ranks.together(lambda: files.load(self.how["resume"])))
        elif trial is not None:
            state = self.ranks.together(lambda: resumed_state(trial, self.place))
            try:
                self.ranks.check_same({"the checkpoint's step": None if state is None else state.get("taken")})
                if state is None:
                    return
                check_settings(state.get("settings"), self.settings)
            except TrainingError as error:
                begins_anew(trial, error)
                return
            self.load(state)
            if self.taken >= self.total_steps:
                trial.complete(self.curve[-1].value)

    def _evaluate(self) -> float:
        """Takes the metric, moves the schedule on, writes a checkpoint, and tells the service."""
        since = self.curve[-1].step if self.curve else 0
        training_loss = math.fsum(self.losses[since:]) / (self.taken - since)
        self.learner.mode(training=False)
        value = self._metric(training_loss)
        self.learner.mode(training=True)
        self.curve.append(Evaluation(self.taken, value, training_loss))
        self.learner.scheduler.step(value)
        where = None
        if self.writer is not None and math.isfinite(value):
            where = self._save(self.writer)
            self.kept = self.position
        if self.trial is not None:
            self.trial.report(-(-self.taken // self.every), value, checkpoint=where)
        return value

    def _leave_where_told(self) -> None:
        """Where the process, or a rank's, is to end: all leave, with a checkpoint of this very step."""
        if self.trial is None or self.writer is None or not self.trial.notice.given:
            return
        if self.position > self.kept and (where := self._save(self.writer)) is not None:
            self.trial.checkpoint(where, self.taken // self.every)
        self.trial.notice.leave()

    def _save(self, writer: files.Writer) -> str | None:
        """Once, by the first rank, of what all have; its place."""
        state = self.state()
        return self.ranks.from_first(lambda: writer.save(self.taken, state))

    def _metric(self, training_loss: float) -> float:
        if self.how["evaluate"] is not None:
            with torch.no_grad():
                return self.ranks.mean(float(self.how["evaluate"](self.learner.model)))
        return training_loss if self.validation is None else self.learner.step.mean_loss(self.validation)

    def _diverged(self, loss: float) -> FitResult:
        self.losses.append(loss)
        self.curve.append(Evaluation(self.taken + 1, math.nan, loss))
        if self.trial is not None:
            self.trial.report(self.taken // self.every + 1, math.nan)
        return self._result("diverged")

    def _result(self, outcome: Literal["complete", "diverged"]) -> FitResult:
        self.learner.mode(training=False)
        return FitResult.of(
            outcome,
            self.curve,
            self.losses,
            learning_rate=float(self.how["learning_rate"]),
            clip_rate=self.learner.step.clipper.rate,
            steps=self.taken,
            seconds=self._seconds(),
            model=self.learner.model,
            initial_value=self.losses[0] if self.how["evaluate"] is None else None,
        )

    def _seconds(self) -> float:
        return self.seconds_before + time.perf_counter() - self.began

    def state(self) -> dict[str, Any]:
        """Everything that decides how the training goes on."""
        return self.learner.state_dict() | {
            "settings": self.settings,
            **random_states(self.ranks),
            "taken": self.taken,
            "position": self.position,
            "losses": self.losses,
            "curve": [(one.step, one.value, one.training_loss) for one in self.curve],
            "seconds": self._seconds(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from `state`; see `Learner.load_state_dict`. Raises TrainingError for one of other settings."""
        check_settings(state.get("settings"), self.settings)
        self.learner.load_state_dict(state)
        self.taken, self.position = state["taken"], state["position"]
        self.kept = self.position
        self.losses, self.curve = list(state["losses"]), [Evaluation(*one) for one in state["curve"]]
        self.seconds_before = state["seconds"]
        go_on_randomly(self.ranks, state, self.how["seed"])
