"""What a study says about the task it is for, and how its workers hear of it: as tags."""

from collections.abc import Mapping
from typing import Any

from lrtune.service.sentences.nearest import did_you_mean
from lrtune.trainers.tasks.catalogue import CATALOGUE

TASK, FOLDS, EPOCHS = "task", "folds", "epochs"


def with_task(
    spec: Mapping[str, Any], task: str | None, only: str | None, folds: int | None, epochs: int | None
) -> dict[str, Any]:
    """The spec of a study that trains a built-in task, or cross-validates one; what `spec` says goes before what the
    task says. Raises ValueError in one line.

    With `folds`, a step of the study is a fold, and settings are compared fold by fold.
    """
    fields: dict[str, Any] = {}
    if task is not None:
        if task not in CATALOGUE:
            raise ValueError(
                f"--task {task!r} is not built in: {did_you_mean(task, CATALOGUE)}there are {', '.join(CATALOGUE)}"
            )
        facts = CATALOGUE[task]
        fields = {
            "search_space": facts.search_space,
            "metric": facts.metric,
            "max_steps": facts.default_epochs,
        }
    if only is not None:
        fields["search_space"] = _only(fields.get("search_space", {}), only)
    if epochs is not None and folds is None:
        raise ValueError("--epochs goes with --folds; without, --max-steps is the length of a full training")
    if folds is not None:
        fields["pruner"] = {"name": "wilcoxon"}
    fields |= spec
    if folds is not None:
        fields["max_steps"] = folds
    said = {TASK: task, FOLDS: folds, EPOCHS: epochs}
    tags = {name: str(value) for name, value in said.items() if value is not None}
    return fields | ({"tags": {**spec.get("tags", {}), **tags}} if tags else {})


def with_tags(spec: dict[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """The spec with more tags, which go before those of --spec. Raises ValueError where a flag says otherwise."""
    known = spec.get("tags", {})
    for name in (TASK, FOLDS, EPOCHS):
        if name in tags and tags[name] != known.get(name):
            raise ValueError(f"--tag {name}={tags[name]}: say --{name} {tags[name]}, which sets up what goes with it")
    return spec | ({"tags": {**known, **tags}} if tags else {})


def _only(space: Mapping[str, Any], only: str) -> dict[str, Any]:
    names = [name.strip() for name in only.split(",")]
    for name in names:
        if name not in space:
            hint = did_you_mean(name, space)
            raise ValueError(
                f"--only {name!r} is not in the task's search space: {hint}{', '.join(space) or 'give --task'}"
            )
    return {name: space[name] for name in names}


def task_of(tags: Mapping[str, str], given: str | None) -> str:
    """What a worker trains: what it was told, else the built-in task that the study names. Raises TaskError."""
    from lrtune.trainers.errors import TaskError

    task = given or tags.get(TASK)
    if task is None or (given is None and task not in CATALOGUE):
        raise TaskError(
            f"say what trains: --task module:function, or one of {', '.join(CATALOGUE)}, or a program, -- ./train.sh"
        )
    return task


def agreed(tags: Mapping[str, str], name: str, given: int | None) -> int | None:
    """A number that the study's tags and the worker's flag say in common. Raises TaskError where they differ, since
    what several workers measure must be comparable."""
    from lrtune.trainers.errors import TaskError

    said = tags.get(name)
    if said is None or not (said.isascii() and said.isdigit()):
        return given
    if given is not None and given != int(said):
        raise TaskError(f"--{name} {given} is not the study's, which is {said}: leave the flag out")
    return int(said)
