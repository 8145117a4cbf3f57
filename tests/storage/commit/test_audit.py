"""What is done to a study is kept with the deed: in its transaction, by whom, and not where the deed is not kept."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.errors import NotStorable, StorageUnavailable
from lrtune.service.storage.memory.actor import SERVICE, Actor, acting
from lrtune.service.storage.schema.tables import audit
from lrtune.service.storage.sql.writing.audited import MOST_CHARACTERS, audited_text
from lrtune.service.storage.sql.writing.statements import Op
from tests.support.engines import new_study, running_trial

ANNA = Actor("anna", "t1", "10.0.0.7")


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    opened = open_engine(migrated_url)
    yield opened
    opened.close()


def entries(engine: Engine) -> list[dict[str, Any]]:
    with engine.database.read() as connection:
        return [dict(row) for row in connection.execute(select(audit).order_by(audit.c.entry_id)).mappings()]


def deeds(engine: Engine) -> list[tuple[str, str, str]]:
    return [(entry["actor"], entry["action"], entry["subject"]) for entry in entries(engine)]


def test_a_deed_is_kept_with_who_did_it_from_where_and_when(engine: Engine) -> None:
    with acting(ANNA):
        study = new_study(engine)
    engine.delete(study).wait()
    made, deleted = entries(engine)
    assert (made["actor"], made["token_id"], made["address"], made["via"]) == ("anna", "t1", "10.0.0.7", "http")
    assert (made["action"], made["subject"]) == ("study.create", "s")
    assert abs(made["at"] - engine.clock()) < 60
    assert (deleted["actor"], deleted["via"], deleted["action"]) == (SERVICE.name, "service", "study.delete")


def test_a_change_that_fails_half_way_leaves_no_entry(engine: Engine) -> None:
    study = new_study(engine)

    def fail_half_way() -> None:
        with engine.change(study) as change:
            change.add_trial(running_trial(engine, study))
            change.audit("trial.enqueue")
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail_half_way()
    assert [action for _, action, _ in deeds(engine)] == ["study.create"]


def test_of_a_batch_that_is_committed_one_by_one_each_change_keeps_its_own_entry(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """Without anything of the one that the database refuses: neither the entry nor the line."""
    caplog.set_level(logging.INFO, "lrtune")
    good, bad = new_study(engine, "good"), new_study(engine, "bad")

    async def scenario() -> list[Any]:
        engine.committer.attach(asyncio.get_running_loop())
        changes = []
        for study in (good, bad, good):
            with acting(ANNA), engine.change(study) as change:
                change.add_trial(running_trial(engine, study))
                change.audit("trial.enqueue")
                if study is bad:
                    row = {"study_id": bad.study_id, "key": object(), "value_json": "1"}
                    change.rows.append((Op.SET_STUDY_USER_ATTR, row))
            changes.append(change)
        try:
            return await asyncio.gather(*(change.on_disk() for change in changes), return_exceptions=True)
        finally:
            engine.committer.detach()

    first, refused, last = asyncio.run(scenario())
    assert (first, last) == (None, None)
    assert isinstance(refused, NotStorable)
    assert deeds(engine)[2:] == [("anna", "trial.enqueue", "good")] * 2
    assert [vars(line)["study"] for line in caplog.records if line.message == "trial enqueued"] == ["good", "good"]


def test_a_deed_whose_commit_is_lost_leaves_no_entry(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    study = new_study(engine)

    def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(engine.database, "write", away)
        change = engine.delete(study)
        with pytest.raises(StorageUnavailable):
            change.wait()
    assert [action for _, action, _ in deeds(engine)] == ["study.create"]


def test_nothing_of_who_did_it_or_what_can_make_the_database_refuse_the_deed(engine: Engine) -> None:
    with acting(Actor("\ud800\0", "t" * 32, "\0" + "1" * 100)):
        study = new_study(engine)
    with engine.change(study) as change:
        change.note_version()
        change.audit("study.change", before={"note": "a\0b\udc00"}, after={"object": object()})
    change.wait()
    assert len(entries(engine)) == 2


def test_what_is_large_is_kept_shortened_and_says_so() -> None:
    spec = {"search_space": {f"p{i}": {"low": 0, "high": 1} for i in range(1_000)}, "name": "n", "note": "x" * 5_000}
    text = audited_text(spec)
    assert text is not None
    assert len(text) < MOST_CHARACTERS / 2
    assert '"name": "n"' in text
    assert "… (5,000 characters)" in text
    many = audited_text({f"k{i}": "v" * 400 for i in range(1_000)})
    assert many is not None
    assert '"…": "950 more"' in many
    assert audited_text({"small": [1, 2]}) == '{"small": [1, 2]}'
    assert audited_text(None) is None
