"""The reports of a trial's earlier leases, past the checkpoints that the next ones went on from."""

import math
from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from lrtune.service.storage.schema import tables

_INFINITIES = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}


def read_superseded(connection: Connection, trial_id: int, most: int) -> dict[int, list[tuple[int, float]]]:
    """By the number of the lease, its reports as (step, value) in the order of steps; of more than `most` in all,
    every so many."""
    columns = tables.superseded_reports.c
    of_trial = columns.trial_id == trial_id
    count = connection.execute(select(func.count()).where(of_trial)).scalar() or 0
    stride = max(1, -(-count // most))
    place = func.row_number().over(partition_by=columns.lease_number, order_by=columns.step).label("place")
    numbered = select(columns.lease_number, columns.step, columns.value, columns.value_type, place).where(of_trial)
    rows = numbered.subquery()
    query = select(rows.c.lease_number, rows.c.step, rows.c.value, rows.c.value_type).where(rows.c.place % stride == 0)
    found: dict[int, list[tuple[int, float]]] = {}
    for lease, step, value, kind in connection.execute(query.order_by(rows.c.lease_number, rows.c.step)):
        found.setdefault(lease, []).append((step, _INFINITIES.get(kind, value)))
    return found


def read_all_superseded(
    connection: Connection, trial_ids: Sequence[int]
) -> dict[int, dict[int, list[tuple[int, float]]]]:
    """The same of some trials, at most a thousand, by their ids; all of it."""
    columns = tables.superseded_reports.c
    query = select(columns.trial_id, columns.lease_number, columns.step, columns.value, columns.value_type)
    query = query.where(columns.trial_id.in_(trial_ids)).order_by(columns.trial_id, columns.lease_number, columns.step)
    found: dict[int, dict[int, list[tuple[int, float]]]] = {}
    for trial_id, lease, step, value, kind in connection.execute(query):
        found.setdefault(trial_id, {}).setdefault(lease, []).append((step, _INFINITIES.get(kind, value)))
    return found
