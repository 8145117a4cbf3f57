"""A batch: changes that are committed together."""

from collections.abc import Sequence

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.commit.completion import Completion
from lrtune.service.storage.sql.writing.statements import Op, Row


class Batch(Completion):
    """Changes in the order in which they came; who made one waits for the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []
        self.singly = False
        """Whether it failed as a whole, and is to be committed change by change."""
        self._absorbed: list[Batch] = []

    def rows(self) -> list[Row]:
        """The rows of its changes."""
        return rows_of(self.changes)

    def add(self, change: Change) -> None:
        """Let one more change join."""
        change.batch = self
        self.changes.append(change)

    def absorb(self, later: "Batch") -> None:
        """Take over the changes of a later batch; who waits for that waits for this one then."""
        for change in later.changes:
            self.add(change)
        self._absorbed.append(later)

    def end(self) -> None:
        """Wake all who wait. From any thread."""
        for batch in self._absorbed:
            batch.end()
        super().end()
        # Each change knows its batch: without this they would be garbage for the collector, a cycle for each commit.
        self.changes, self._absorbed = [], []


def rows_of(changes: Sequence[Change]) -> list[Row]:
    """The rows of changes, in their order; of each study one new version."""
    rows: list[Row] = []
    versions: dict[int, Row] = {}
    for change in changes:
        if change.error is not None:
            continue
        rows += change.rows
        study = change.study
        if study.spec is not None:
            row = {"of_study_id": study.study_id, "version": change.version, "updated_at": change.now}
            versions[study.study_id] = (Op.UPDATE_VERSION, row)
    rows += versions.values()
    return rows
