"""Built-in tasks on real data that comes with the packages, for `lrtune worker --task NAME`, the demo and tests.

    from lrtune.trainers.tasks import TASKS

    digits = TASKS["digits"]
    loss = digits.fit({"learning_rate": 0.01, "optimizer": "adam"}, epochs=20, seed=0)

A task is loaded when it is looked up: importing this package is fast and needs neither torch nor scikit-learn.
`catalogue` describes the tasks, `protocols` says what each can do, `builtin` has a module for each; `gradient`, `loop`
and `trees` train them, `cross_validation` over folds. `loader` finds a task by name, a user's own among them, and
`decorator` is `@task`.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from lrtune.trainers.tasks.catalogue import CATALOGUE

if TYPE_CHECKING:
    from lrtune.trainers.tasks.protocols import Task

__all__ = ["CATALOGUE", "TASKS"]


class _Tasks(Mapping[str, "Task"]):
    """Tasks by short name. Raises KeyError with the known names, ModuleNotFoundError where a package is missing."""

    def __getitem__(self, name: str) -> "Task":
        if name not in CATALOGUE:
            raise KeyError(f"there is no task {name!r}; there are {', '.join(CATALOGUE)}")
        task: Task = import_module(CATALOGUE[name].module).TASK
        return task

    def __contains__(self, name: object) -> bool:
        return name in CATALOGUE

    def __iter__(self) -> Iterator[str]:
        return iter(CATALOGUE)

    def __len__(self) -> int:
        return len(CATALOGUE)


TASKS: Mapping[str, "Task"] = _Tasks()
