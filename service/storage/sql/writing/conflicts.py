"""What another process may have written meanwhile, checked within the very transaction of a batch.

The service is the only lrtune process that writes a database, but a stock Optuna process may write it beside us. Three
things can then collide, and each is settled by the database before anything is acknowledged: the ids that we choose in
memory, the trials' numbers, and the waiting trials that both sides take. A collision refuses the change, its caller is
asked to try again, and by then the study has been read anew.

On PostgreSQL a check is a statement that fails (it divides by zero) where it finds a conflict: so the commit can go out
with the rows, and does not wait for an answer to be looked at. On SQLite, which answers at once, we look ourselves.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import Connection, bindparam, literal_column, select, update

from lrtune.service.storage.schema import optuna_tables
from lrtune.service.storage.sql.execution import Answer, Execute, statement_text
from lrtune.service.storage.sql.reading.sequences import KEYS, last_of_sequence

_MAX_OWNED = 20_000


class NeighbourWrote(Exception):
    """Another process has taken the id, the number or the trial that a change was about to take."""


Check = Callable[[], None]
"""Looks at what a check's statement answered: on SQLite before the transaction is committed; raises NeighbourWrote. On
PostgreSQL afterwards, to take note of it."""


class ReservedIds:
    """The ids that we choose, drawn from PostgreSQL's sequences before they are inserted.

    An id that the sequence gave to us it gives to nobody else. So a neighbour's insert can never fail because of ours;
    where it was faster, ours is refused. SQLite has no sequences.
    """

    def __init__(self, dialect: str) -> None:
        self._sequences = dialect == "postgresql"
        self._owned: dict[str, set[int]] = {"studies": set(), "trials": set()}
        self._position: dict[str, int] = {}

    @property
    def known(self) -> bool:
        """Whether it is known where the sequences stand."""
        return bool(self._position) or not self._sequences

    def look(self, connection: Connection) -> None:
        """Find out where the sequences stand."""
        self._position = {table: last_of_sequence(connection, table) for table in KEYS}

    def forget(self) -> None:
        """A transaction failed: whether it drew from the sequences is not known."""
        self._position = {}

    def own(self, table: str, drawn: Sequence[int]) -> None:
        """These ids of the table were drawn for this process in a transaction of their own."""
        owned = self._owned[table]
        owned.update(drawn)
        if len(owned) > _MAX_OWNED:
            self._owned[table] = set(sorted(owned)[-_MAX_OWNED // 2 :])

    def reserve(self, execute: Execute, table: str, ids: Sequence[int]) -> Iterator[Check]:
        """Draw from the table's sequence until it has given out all `ids`. Raises NeighbourWrote where one is gone."""
        missing = [chosen for chosen in ids if chosen not in self._owned[table]]
        if not self._sequences or not missing:
            return
        wanted, position = max(missing), self._position[table]
        if wanted <= position:
            raise NeighbourWrote(f"another process took id {min(missing)} of {table}")
        proof = {"steps": wanted - position, "chosen": _array(missing), "count": len(missing)}
        drawn = execute(_DRAW[table], proof)
        self._position[table] = wanted

        def note() -> None:
            given = [row[0] for row in drawn.rows]
            owned = self._owned[table]
            owned.update(given)
            self._position[table] = max(self._position[table], *given)
            if len(owned) > _MAX_OWNED:
                self._owned[table] = {kept for kept in owned if kept > wanted - _MAX_OWNED // 2}

        yield note


_DRAW = {
    table: f"""
WITH drawn AS MATERIALIZED (SELECT nextval('{table}_{key}_seq') AS id FROM generate_series(1, %(steps)s::integer)),
proof AS (
    SELECT 1 / (count(*) FILTER (WHERE id = ANY(%(chosen)s::bigint[])) = %(count)s::bigint)::integer AS held FROM drawn)
SELECT id FROM drawn, proof WHERE held = 1"""
    for table, key in KEYS.items()
}

# study_id + 0: not by the index on study_id, which leads through all trials of the study and which PostgreSQL takes for
# the shorter way as long as it has not analysed a table that grows.
_PROVE_NUMBERS = """
SELECT 1 / coalesce(
    array_agg(trial_id ORDER BY trial_id) = %(ids)s::integer[]
    AND array_agg(number ORDER BY trial_id) = %(numbers)s::integer[], false)::integer
FROM trials WHERE study_id + 0 = %(study)s::integer AND trial_id >= %(last)s::integer"""
_PROVE_FIRST = _PROVE_NUMBERS.replace("study_id + 0", "study_id").replace(" AND trial_id >= %(last)s::integer", "")
_PROVE_CLAIM = """
WITH claimed AS (
    UPDATE trials SET state = 'RUNNING' WHERE trial_id = %(claimed)s::integer AND state = 'WAITING' RETURNING trial_id)
SELECT 1 / count(*)::integer FROM claimed"""

_trials = optuna_tables.trials.c
_ROWS = select(_trials.trial_id, _trials.number).order_by(_trials.trial_id)
_OF_STUDY = _trials.study_id == bindparam("study")
_SINCE = _trials.trial_id >= bindparam("last")


class ConflictChecks:
    """What a neighbour may do to a study at the same moment: add a trial, take a waiting one."""

    def __init__(self, dialect: str) -> None:
        self._proves = dialect == "postgresql"
        self._since = statement_text(_ROWS.where(_OF_STUDY, _SINCE), dialect)
        self._of_new_study = statement_text(_ROWS.where(_OF_STUDY), dialect)
        waits = _trials.state == literal_column(f"'{TrialState.WAITING.name}'", _trials.state.type)
        running = literal_column(f"'{TrialState.RUNNING.name}'", _trials.state.type)
        claim = (
            update(optuna_tables.trials).where(_trials.trial_id == bindparam("claimed"), waits).values(state=running)
        )
        self._claim = statement_text(claim, dialect)

    def numbers(self, execute: Execute, inserted: Sequence[dict[str, Any]]) -> Iterator[Check]:
        """Check that the trials just inserted follow on the last that their study had.

        Each row says in `after` which trial that was, by its id: from there on the database must hold our rows alone.
        Optuna numbers a trial by counting those before it, with the study's row locked. On PostgreSQL the foreign key
        of our insert waits for that lock and keeps it out until we commit; SQLite has one writer at a time. So what is
        read here stays true.
        """
        by_study: dict[int, list[dict[str, Any]]] = {}
        for row in inserted:
            by_study.setdefault(row["study_id"], []).append(row)
        for study_id, rows in by_study.items():
            last = rows[0]["after"]
            expected = [(row["trial_id"], row["number"]) for row in rows]
            if last is not None:
                expected.insert(0, (last, rows[0]["number"] - 1))
            if self._proves:
                _prove_numbers(execute, study_id, last, expected)
            elif last is None:
                yield partial(_check_numbers, study_id, execute(self._of_new_study, {"study": study_id}), expected)
            else:
                found = execute(self._since, {"study": study_id, "last": last})
                yield partial(_check_numbers, study_id, found, expected)

    def claims(self, execute: Execute, updates: Sequence[dict[str, Any]]) -> Iterator[Check]:
        """Take the waiting trials that a batch is to set running, and check that each did wait.

        `updates` are the batch's new states of trials, in order; only the first of each trial meets the database's.
        """
        first: dict[int, str] = {}
        for row in updates:
            first.setdefault(row["of_trial_id"], row["state"])
        for trial_id, state in first.items():
            if state != "RUNNING":
                continue
            if self._proves:
                execute(_PROVE_CLAIM, {"claimed": trial_id})
            else:
                yield partial(_check_claim, trial_id, execute(self._claim, {"claimed": trial_id}))


def _prove_numbers(execute: Execute, study_id: int, last: int | None, expected: list[tuple[int, int]]) -> None:
    ids, numbers = zip(*sorted(expected), strict=True)
    proof: dict[str, Any] = {"study": study_id, "ids": _array(ids), "numbers": _array(numbers)}
    execute(_PROVE_FIRST if last is None else _PROVE_NUMBERS, proof if last is None else {**proof, "last": last})


def _array(values: Sequence[int]) -> str:
    """As PostgreSQL reads it."""
    return "{" + ",".join(map(str, values)) + "}"


def _check_numbers(study_id: int, found: Answer, expected: list[tuple[int, int]]) -> None:
    if found.rows != expected:
        raise NeighbourWrote(f"another process added a trial to study {study_id}")


def _check_claim(trial_id: int, claimed: Answer) -> None:
    if claimed.written != 1:
        raise NeighbourWrote(f"another process took the waiting trial with id {trial_id}")
