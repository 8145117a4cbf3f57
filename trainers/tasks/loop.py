"""The training loop of the built-in gradient tasks: reported by epoch, resumed bit for bit."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lrtune.service.rates.schedules import schedule_from_params
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.build import build_optimizer, options_of
from lrtune.trainers.private_folder import private_folder
from lrtune.trainers.state import checkpoints
from lrtune.trainers.state.places.local import LocalFolder
from lrtune.trainers.state.places.opened import place_of
from lrtune.trainers.state.places.place import Place
from lrtune.trainers.state.resumed import begins_anew, resumed_state
from lrtune.trainers.state.trial_files import TrialFiles
from lrtune.trainers.tasks.decorator import task as mark
from lrtune.trainers.tasks.protocols import GradientTask, Params
from lrtune.trainers.training.learner import Learner

FOLDER_VARIABLE = "LRTUNE_CHECKPOINTS"
"""A folder or a URI that all workers of a study share, where a training is to go on on another worker."""

_REMEDY = f"; let the workers share a folder or a bucket, and set {FOLDER_VARIABLE} to it"


class Training:
    """A training, epoch by epoch. Its random state is its own: the process's is left alone.

    The learning rate follows `params["schedule"]`, scaled to the training's length, else half a cosine to 0.
    """

    def __init__(
        self,
        task: GradientTask,
        params: Params,
        epochs: int,
        seed: int,
        *,
        fold: int | None = None,
        folds: int | None = None,
    ) -> None:
        if epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {epochs}")
        self.epochs = epochs
        self.epoch = 0
        """How many epochs have been trained."""
        self.value = math.nan
        """The metric after them."""
        self._task, self._fold, self._folds = task, fold, folds
        self._batches = task.batches(params, seed=seed, fold=fold, folds=folds)
        model = task.model(params, seed)
        self.learner = Learner(
            model,
            optimizer_of(model, params),
            task.loss,
            schedule=schedule_from_params(params) or "cosine",
            total_steps=epochs * len(self._batches),
        )
        self._random = torch.Generator().manual_seed(seed).get_state()

    @property
    def over(self) -> bool:
        """Whether there is nothing left to train: the end is reached, or the metric is not finite."""
        return self.epoch >= self.epochs or (self.epoch > 0 and not math.isfinite(self.value))

    def train_epoch(self) -> None:
        """Trains one more epoch, up to a loss that is not finite."""
        with self._alone():
            self.value = self._train_epoch()
        self.learner.scheduler.step(self.value)
        self.epoch += 1

    def _train_epoch(self) -> float:
        self.learner.mode(training=True)
        for index, batch in enumerate(self._batches):
            if index > 0:
                self.learner.scheduler.step()
            loss, _ = self.learner.step([batch])
            if not math.isfinite(loss):
                return loss
        self.learner.mode(training=False)
        return self._task.evaluate(self.learner.model, fold=self._fold, folds=self._folds)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """With one thread and this training's own random state."""
        threads = torch.get_num_threads()
        with torch.random.fork_rng(devices=[]):
            torch.set_num_threads(1)
            torch.set_rng_state(self._random)
            try:
                yield
            finally:
                self._random = torch.get_rng_state()
                torch.set_num_threads(threads)

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides how the training goes on."""
        return self.learner.state_dict() | {
            "epoch": self.epoch,
            "value": self.value,
            "order": self._batches.generator.get_state(),
            "random": self._random,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state of the same task and parameters, to this training's own length.

        Raises KeyError, RuntimeError, TypeError or ValueError, half loaded.
        """
        if "scheduler" not in state:  # As 0.1.0's first checkpoints were, without clipping.
            clipper = self.learner.step.clipper.state_dict()
            state = {**state, "scheduler": state["schedule"], "scaler": None, "clipper": clipper}
        self.learner.load_state_dict(state)
        self._batches.generator.set_state(state["order"])
        self.epoch, self.value, self._random = int(state["epoch"]), float(state["value"]), state["random"]


def on_lease(task: GradientTask) -> Callable[[LeasedTrial], float]:
    """The training function of a task, marked as what it is: see `train_on_lease`."""

    @mark(anneals=True, resumable=True, own_length=True)
    def train(trial: LeasedTrial) -> float:
        return train_on_lease(task, trial)

    return train


def train_on_lease(task: GradientTask, trial: LeasedTrial) -> float:
    """Trains a trial to its `max_steps`, with a checkpoint after each epoch; goes on from `trial.resume`.

    The seed is the trial's number. Where the checkpoint cannot be read here, the training begins anew, and comes to
    the same. Checkpoints are removed once the service has said that the trial is over; none is of the last epoch.
    """
    place = checkpoint_place()
    training = _begin(task, trial, place)
    writer = checkpoints.Writer(place, TrialFiles(trial, place, of_best=False).prefix)
    while not training.over:
        training.train_epoch()
        kept = None if training.over else writer.save(training.epoch, training.state_dict())
        trial.report(training.epoch, training.value, checkpoint=kept)
    return training.value


def checkpoint_place() -> Place:
    """What `LRTUNE_CHECKPOINTS` names, else a folder of this user's among the temporary files. Raises TrainingError
    where that is not this user's alone, and for a place that cannot be used."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        place = place_of(given)
        return LocalFolder(place.path.resolve()) if isinstance(place, LocalFolder) else place
    try:
        return LocalFolder(private_folder("lrtune-checkpoints"))
    except PermissionError as error:
        raise TrainingError(f"{error}, or {FOLDER_VARIABLE} to one for checkpoints") from None


def _begin(task: GradientTask, trial: LeasedTrial, place: Place) -> Training:
    def new() -> Training:
        return Training(task, trial.params, trial.max_steps or task.default_epochs, trial.number)

    training = new()
    state = resumed_state(trial, place, count="epoch", remedy=_REMEDY)
    if state is None:
        return training
    try:
        training.load_state_dict(state)
    except (TrainingError, KeyError, RuntimeError, TypeError, ValueError) as error:
        begins_anew(trial, error, _REMEDY)
        return new()
    return training


def optimizer_of(model: nn.Module, params: Params) -> torch.optim.Optimizer:
    """The optimizer that `params` name, with those of its options that they have; SGD where they name none.

    Raises TrainingError, KeyError for a missing `learning_rate`.
    """
    name = params.get("optimizer", "sgd")
    options = {option: params[option] for option in options_of(name) if option in params}
    return build_optimizer(
        name,
        model,
        learning_rate=params["learning_rate"],
        weight_decay=params.get("weight_decay", 0.0),
        layer_decay=params.get("layer_decay"),
        **options,
    )
