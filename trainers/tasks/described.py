"""A built-in task, as far as the catalogue describes it."""

from typing import Any

from lrtune.trainers.tasks.catalogue import Facts


class DescribedTask:
    """What a `Task` says of itself; how it is fitted is its own."""

    def __init__(self, facts: Facts) -> None:
        self.name = facts.name
        self.metric = facts.metric
        self.default_epochs = facts.default_epochs
        self.search_space: dict[str, dict[str, Any]] = facts.search_space

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"
