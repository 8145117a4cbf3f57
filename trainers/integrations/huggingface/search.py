"""What `Trainer.hyperparameter_search` does, with the trials of a study."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.integrations.huggingface.callback import TrialCallback
from lrtune.trainers.integrations.huggingface.framework import transformers
from lrtune.trainers.state.trial_files import TrialFiles

_OTHER_NAMES = {"batch_size": "per_device_train_batch_size"}
_NOT_ANNEALED = ("constant", "constant_with_warmup", "reduce_lr_on_plateau")


def hyperparameter_search(
    trainer: Any,
    study: StudyHandle,
    *,
    arguments: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    monitor: str = "eval_loss",
    resumable: bool = False,
    keep_checkpoints: bool = False,
) -> Any:
    """Trains the study's trials with a `Trainer` that has a `model_init`; the best as a `transformers.BestRun`, whose
    `run_summary` is the study's suggestion.

    The parameters of a trial are fields of TrainingArguments (`batch_size` is that of a device), or `arguments` makes
    such of them. The trainer's own length, `num_train_epochs` or `max_steps`, is that of a full training: a trial of
    fewer steps is trained for its share, with a schedule that ends there, and evaluated once a step. `resumable` needs
    a `save_strategy`, and an `output_dir` that every worker can read: a trial's checkpoints lie in a folder of it, and
    are removed when the trial is over, the best trial's last one aside, unless `keep_checkpoints`.
    The trainer's arguments are put back afterwards; its model is that of the last trial.

    Raises TrainingError for a trainer without `model_init` and for parameters that are none of TrainingArguments.
    """
    if trainer.model_init is None:
        raise TrainingError(
            "each trial begins with a new model: make the Trainer with model_init=…, not model=…; "
            "where it takes none, as TRL's trainers do, train with TrialCallback"
        )
    if resumable and trainer.args.save_strategy == "no":
        raise TrainingError("resumable needs checkpoints: give TrainingArguments save_strategy='steps' or 'epoch'")
    anneals = trainer.args.lr_scheduler_type not in _NOT_ANNEALED
    for trial in study.leases(anneals=anneals, resumable=resumable, keep_checkpoints=keep_checkpoints):
        with trial:
            folder = {"output_dir": str(Path(trainer.args.output_dir) / _folder(trainer.args, trial, resumable))}
            set_to = _fields(trainer.args, arguments(trial.params) if arguments else trial.params)
            with _arguments(trainer.args, {**set_to, **_length(trainer.args, trial, study.spec.max_steps), **folder}):
                _train(trainer, trial, monitor, resumable)
    best = study.status().best
    if best is None:
        raise TrainingError(
            f"no full training of study {study.name} is complete: study.suggestion() says what is known of it"
        )
    return transformers.trainer_utils.BestRun(str(best.trial), best.value, dict(best.params), study.suggestion())


def _train(trainer: Any, trial: LeasedTrial, monitor: str, resumable: bool) -> None:
    callback = TrialCallback(trial, monitor, checkpoints=resumable)
    trainer.add_callback(callback)
    trainer._train_batch_size = trainer.args.train_batch_size  # Which it reads once, when it is made.
    try:
        trainer.train(resume_from_checkpoint=callback.resume_from_checkpoint)
    finally:
        trainer.remove_callback(callback)


def _fields(args: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as fields of TrainingArguments, in the types that these have."""
    named = {_OTHER_NAMES.get(name, name): value for name, value in params.items()}
    unknown = [name for name in named if not hasattr(args, name)]
    if unknown:
        raise TrainingError(
            f"{', '.join(unknown)}: no field of TrainingArguments; give arguments=…, a function of the parameters"
        )
    return named


def _folder(args: Any, trial: LeasedTrial, resumable: bool) -> str:
    """The trial's own. What is saved there although nobody resumes from it was asked for by the trainer's arguments."""
    return TrialFiles(trial, args.output_dir).prefix if resumable else f"trial-{trial.number}-{trial.attempt}"


def _length(args: Any, trial: LeasedTrial, full: int | None) -> dict[str, Any]:
    """What makes a training as long as the trial, with an evaluation a step."""
    if trial.max_steps is None or full is None:
        return {}
    share = trial.max_steps / full
    steps = max(round(args.max_steps * share), 1) if args.max_steps > 0 else args.max_steps
    evaluated = {"eval_strategy": transformers.IntervalStrategy.STEPS, "eval_steps": 1 / trial.max_steps}
    if trial.max_steps == 1:
        evaluated = {"eval_strategy": transformers.IntervalStrategy.EPOCH}
    return {"max_steps": steps, "num_train_epochs": args.num_train_epochs * share, **evaluated}


@contextmanager
def _arguments(args: Any, values: Mapping[str, Any]) -> Iterator[None]:
    kept = {name: getattr(args, name) for name in values}
    try:
        for name, value in values.items():
            setattr(args, name, value)
        yield
    finally:
        for name, value in kept.items():
            setattr(args, name, value)
