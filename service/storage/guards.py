"""What another process may have written meanwhile, checked within the very transaction of a batch.

The service is the only lrtune process that writes a database, but a stock Optuna process may write it beside us. Three
things can then collide, and each is settled by the database before anything is acknowledged: the ids that we choose in
memory, the trials' numbers, and the waiting trials that both sides take. A collision refuses the change, its caller is
asked to try again, and by then the study has been read anew.
"""

from collections.abc import Sequence
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import Connection, bindparam, select, text, update

from service.storage import optuna_schema as optuna

_NEAR = 256
"""How many ids below our own the trial before ours is looked for first, by the primary key alone."""
_MAX_OWNED = 20_000


class NeighbourWrote(Exception):
    """Another process has taken the id, the number or the trial that a change was about to take."""


class GrantedIds:
    """PostgreSQL's sequences, drawn from for the ids that we choose, before they are inserted.

    An id that the sequence gave to us it gives to nobody else. So a neighbour's insert can never fail because of ours;
    where it was faster, ours is refused.
    """

    def __init__(self) -> None:
        self._owned: dict[str, set[int]] = {"studies": set(), "trials": set()}
        self._position: dict[str, int] = {}

    def claim(self, connection: Connection, table: str, ids: Sequence[int]) -> None:
        """Draw from the table's sequence until it has granted all `ids`. Raises NeighbourWrote."""
        owned = self._owned[table]
        missing = [chosen for chosen in ids if chosen not in owned]
        if not missing:
            return
        wanted = max(missing)
        if table not in self._position:
            self._position[table] = last_granted(connection, table)
        while self._position[table] < wanted:
            steps = {"steps": wanted - self._position[table]}
            granted = connection.execute(_DRAW[table], steps).scalars().all()
            owned.update(granted)
            self._position[table] = max(granted)
        taken = [chosen for chosen in missing if chosen not in owned]
        if len(owned) > _MAX_OWNED:
            self._owned[table] = {kept for kept in owned if kept > wanted - _MAX_OWNED // 2}
        if taken:
            raise NeighbourWrote(f"another process took id {taken[0]} of {table}")


def last_granted(connection: Connection, table: str) -> int:
    """The latest id that a table's sequence gave out, whether or not it was used."""
    value, is_called = connection.execute(_LAST[table]).one()
    return int(value) if is_called else 0


_KEYS = {"studies": "study_id", "trials": "trial_id"}
_DRAW = {
    table: text(f"SELECT nextval('{table}_{key}_seq') FROM generate_series(1, CAST(:steps AS integer))")
    for table, key in _KEYS.items()
}
_LAST = {table: text(f"SELECT last_value, is_called FROM {table}_{key}_seq") for table, key in _KEYS.items()}


# Numbers

_trials = optuna.trials.c
# + 0: not by the index on study_id, which leads through all trials of the study, and which PostgreSQL takes for the
# shorter way as long as it has not analysed a table that grows.
_SINCE = (
    select(_trials.trial_id, _trials.number)
    .where(_trials.study_id + 0 == bindparam("study"), _trials.trial_id >= bindparam("low"))
    .order_by(_trials.trial_id)
)
_BEFORE = (
    select(_trials.trial_id, _trials.number)
    .where(_trials.study_id == bindparam("study"), _trials.trial_id < bindparam("low"))
    .order_by(_trials.trial_id.desc())
    .limit(1)
)


def check_numbers(connection: Connection, inserted: Sequence[dict[str, Any]]) -> None:
    """Raise NeighbourWrote unless the trials just inserted follow on the last that their study had.

    Optuna numbers a trial by counting those before it, with the study's row locked. On PostgreSQL the foreign key of
    our insert waits for that lock and keeps it out until we commit; SQLite has one writer at a time. So what is read
    here stays true.
    """
    by_study: dict[int, list[dict[str, Any]]] = {}
    for row in inserted:
        by_study.setdefault(row["study_id"], []).append(row)
    for study_id, rows in by_study.items():
        first = min(row["trial_id"] for row in rows)
        bounds = {"study": study_id, "low": first - _NEAR}
        found = connection.execute(_SINCE, bounds).all()
        if not found or found[0].trial_id == first:
            found = [*connection.execute(_BEFORE, bounds).all(), *found]
        ours = {row["trial_id"]: row["number"] for row in rows}
        before = [number for trial_id, number in found if trial_id < first]
        after = {trial_id: number for trial_id, number in found if trial_id >= first}
        if after != ours or (before[-1] if before else -1) != min(ours.values()) - 1:
            raise NeighbourWrote(f"another process added a trial to study {study_id}")


# Waiting trials

_CLAIM = (
    update(optuna.trials)
    .where(_trials.trial_id == bindparam("claimed"), _trials.state == TrialState.WAITING)
    .values(state=TrialState.RUNNING)
)


def check_claims(connection: Connection, updates: Sequence[dict[str, Any]]) -> None:
    """Take the waiting trials that a batch is to set running. Raises NeighbourWrote where one does not wait any more.

    `updates` are the batch's new states of trials, in order; only the first of each trial meets the database's.
    """
    first: dict[int, TrialState] = {}
    for row in updates:
        first.setdefault(row["of_trial_id"], row["state"])
    for trial_id, state in first.items():
        if state is TrialState.RUNNING and connection.execute(_CLAIM, {"claimed": trial_id}).rowcount != 1:
            raise NeighbourWrote(f"another process took the waiting trial with id {trial_id}")
