"""Pages of the audit: by time, each entry once, found along an index, and never long to find."""

import random
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert

from lrtune.service.storage.schema.tables import audit
from lrtune.service.storage.sql.reading import audit as reading
from lrtune.service.storage.sql.reading.audit import Wanted, read_entries

ACTIONS = ("study.create", "study.delete", "trial.record", "token.revoke")
SUBJECTS = ("cifar-1", "cifar_1", "Cifar-1", "cifar-10", "m%ist", "t1", "t2")


@pytest.fixture
def connection(migrated_url: str) -> Iterator[Connection]:
    """Six hundred entries, many of one moment, as a clock that was set back and forth leaves them."""
    engine = create_engine(migrated_url)
    chance = random.Random(0)
    rows = [
        {"at": float(chance.randrange(50)), "actor": "a", "token_id": chance.choice(["t1", "t2", None]), "via": "http"}
        | {"action": chance.choice(ACTIONS), "subject": chance.choice(SUBJECTS), "address": None}
        | {"before": None, "after": None}
        for _ in range(600)
    ]
    with engine.begin() as opened:
        opened.execute(insert(audit), rows)
        yield opened
    engine.dispose()


def of_study(row: Any) -> bool:
    return not row.action.startswith("token.")


CASES: list[tuple[Wanted, Callable[[Any], bool]]] = [
    (Wanted(), lambda row: True),
    (Wanted(since=30.0), lambda row: row.at >= 30),
    (Wanted(study="cifar-1"), lambda row: row.subject == "cifar-1" and of_study(row)),
    (Wanted(study="t1"), lambda row: row.subject == "t1" and of_study(row)),
    (Wanted(study="t1", token="t1"), lambda row: row.subject == row.token_id == "t1" and of_study(row)),
    (Wanted(token="t1"), lambda row: row.token_id == "t1" or (row.subject == "t1" and not of_study(row))),
    (Wanted(action="study.delete", since=10.0), lambda row: row.action == "study.delete" and row.at >= 10),
    (
        Wanted(token="t2", action="token.revoke"),
        lambda row: row.action == "token.revoke" and "t2" in (row.token_id, row.subject),
    ),
    (
        Wanted(study="cifar-10", action="trial.record"),
        lambda row: (row.subject, row.action) == ("cifar-10", "trial.record"),
    ),
    *(
        (
            Wanted(scopes=[glob]),
            lambda row, glob=glob: of_study(row) and fnmatchcase(row.subject, glob),  # type: ignore[misc]
        )
        for glob in ("*", "cifar-1", "cifar?1", "c*1", "m%*", "nothing*")
    ),
    (
        Wanted(scopes=["cifar-*", "t1"], action="study.create", since=5.0),
        lambda row: (
            row.action == "study.create" and (row.subject.startswith("cifar-") or row.subject == "t1") and row.at >= 5
        ),
    ),
]


def paged(connection: Connection, wanted: Wanted, limit: int) -> list[Sequence[Any]]:
    pages, after = [], None
    while True:
        rows, after = read_entries(connection, wanted, after, limit)
        pages.append(rows)
        if after is None:
            return pages


@pytest.mark.parametrize(("wanted", "fits"), CASES)
def test_pages_have_every_entry_that_is_wanted_once_the_latest_first(
    connection: Connection, wanted: Wanted, fits: Callable[[Any], bool]
) -> None:
    every = connection.execute(audit.select()).all()
    expected = sorted((row for row in every if fits(row)), key=lambda row: (row.at, row.entry_id), reverse=True)
    for limit in (1, 7, 1_000):
        pages = paged(connection, wanted, limit)
        assert [row for page in pages for row in page] == expected
        assert all(len(page) == limit for page in pages[:-1])


def test_a_page_that_passes_over_too_much_is_short_and_goes_on_behind(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [row for page in paged(connection, Wanted(scopes=["cifar-10"]), 1_000) for row in page]
    monkeypatch.setattr(reading, "_AT_ONCE", 10)
    monkeypatch.setattr(reading, "MOST_PASSED", 20)
    pages = paged(connection, Wanted(scopes=["cifar-10"]), 15)
    assert len(pages) >= 600 / 20
    assert [row for page in pages for row in page] == whole
    assert paged(connection, Wanted(scopes=["nothing"]), 15)[-1] == []


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(), "at"),
        (Wanted(since=3.0), "at"),
        (Wanted(scopes=["c*"]), "at"),
        (Wanted(study="s"), "subject"),
        (Wanted(study="s", action="study.delete"), "subject"),
        (Wanted(token="t1"), "token_id"),
        (Wanted(action="study.delete"), "action"),
    ],
)
def test_on_sqlite_each_filter_is_looked_up_in_an_index(tmp_path: Any, wanted: Wanted, index: str) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/plain.db")
    with engine.begin() as connection:
        audit.create(connection)
        for after in (None, (5.0, 7)):
            query = reading._along(reading._ways(wanted), reading._rest(wanted, "sqlite"), wanted.since, after, 100)
            text = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
            plan = "\n".join(row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))
            assert f"ix_lrtune_audit_{index}" in plan, plan
            assert "SCAN lrtune_audit\n" not in f"{plan}\n", plan
    engine.dispose()
