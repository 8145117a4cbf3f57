"""Deleting a study: gone at once for whoever asks, its rows removed a few at a time, whatever happens meanwhile."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from optuna.study import StudyDirection
from sqlalchemy import Table, create_engine, func, insert, select, text

from lrtune.service.storage import OptunaStorage
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine import purge
from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.errors import StorageUnavailable, StudyMissing
from lrtune.service.storage.maintenance.check import check
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.schema import optuna_tables, tables
from lrtune.service.storage.sql.deleted import remove_some
from lrtune.service.storage.sql.writing.statements import Op
from lrtune.service.tuning.errors import StudyNotFound
from lrtune.service.wire.studies import NewStudy, StudySpec
from lrtune.service.wire.trials import Ask
from tests.support.engines import add_trial, new_study, running_trial
from tests.support.tuning import Tuning

_TIMEOUT_SECONDS = 30.0
_OF_NO_STUDY = (optuna_tables.version_info.name, tables.tokens.name, tables.access_version.name, tables.audit.name)
"""What stays: of the database itself, of who may use it, and of what was done."""


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    opened = open_engine(migrated_url)
    yield opened
    opened.close()


def _fill(engine: Engine, study: StudyMirror, trials: int, steps: int) -> None:
    with engine.change(study) as change:
        for _ in range(trials):
            trial = running_trial(engine, study)
            trial.intermediate = {step: 1.0 / (step + 1) for step in range(steps)}
            trial.user_attrs = {"a": 1, "b": "two"}
            change.add_trial(trial)
        change.set_study_attr("note", "of a person", system=False)
    change.wait()


def _rows(url: str) -> dict[str, int]:
    """How many rows of studies each table has, of those that have any."""
    found: dict[str, int] = {}
    database = create_engine(url)
    try:
        with database.connect() as connection:
            every: list[Table] = [*optuna_tables.all_tables, *tables.metadata.sorted_tables]
            for table in every:
                count = connection.execute(select(func.count()).select_from(table)).scalar_one()
                if count and table.name not in _OF_NO_STUDY:
                    found[table.name] = count
    finally:
        database.dispose()
    return found


def _delete(engine: Engine, study: StudyMirror) -> Change:
    change = engine.delete(study)
    change.wait()
    return change


@pytest.mark.parametrize(("trials", "steps"), [(0, 0), (5, 20), (3, 2_500), (450, 1)])
def test_no_row_of_a_deleted_study_is_left(engine: Engine, trials: int, steps: int) -> None:
    url = engine.database.url
    study = new_study(engine)
    _fill(engine, study, trials, steps)
    _delete(engine, study)
    assert engine.purge.wait(_TIMEOUT_SECONDS)
    assert _rows(url) == {}


def test_rows_are_removed_in_transactions_of_bounded_size(engine: Engine) -> None:
    study = new_study(engine)
    _fill(engine, study, trials=3, steps=2 * purge.ROWS_AT_ONCE)
    _delete(engine, study)
    assert engine.purge.wait(_TIMEOUT_SECONDS)
    assert engine.purge.steps > 3 * 2


def test_a_small_study_goes_at_once_with_all_its_rows(engine: Engine) -> None:
    study = new_study(engine)
    _fill(engine, study, trials=5, steps=20)
    _delete(engine, study)
    assert _rows(engine.database.url) == {}


def test_others_are_committed_while_the_rows_of_a_deleted_study_go(engine: Engine) -> None:
    gone, kept = new_study(engine, "gone"), new_study(engine, "kept")
    _fill(engine, gone, trials=3, steps=2 * purge.ROWS_AT_ONCE)
    _delete(engine, gone)
    steps_at_commit: list[int] = []
    engine.committer.on_batch.append(lambda *_: steps_at_commit.append(engine.purge.steps))
    with engine.change(kept) as change:  # No removal begins while the lock is held.
        change.add_trial(running_trial(engine, kept))
        before = engine.purge.steps
    change.wait()
    assert steps_at_commit[-1] - before <= 2, "a commit waits for one removal at most"
    assert engine.purge.wait(_TIMEOUT_SECONDS)
    assert len(engine.load(kept.study_id).trials) == 1


def test_no_change_is_taken_in_between_a_deletion_and_the_mirrors_end(engine: Engine) -> None:
    """Who waits for the lock while the study is deleted is told so, and nothing of it is written."""
    study = new_study(engine)
    waiting, told = threading.Event(), []

    def report() -> None:
        waiting.set()
        try:
            add_trial(engine, study)
        except StudyMissing as error:
            told.append(error)

    other = threading.Thread(target=report)
    with engine.lock:
        other.start()
        assert waiting.wait(_TIMEOUT_SECONDS)
        with engine.change(study) as change:
            change.set_study_attr("k", 1, system=False)
        engine.delete(study)
    other.join(_TIMEOUT_SECONDS)
    assert [type(error) for error in told] == [StudyMissing]
    assert engine.purge.wait(_TIMEOUT_SECONDS)
    assert _rows(engine.database.url) == {}


class _WatchedLock:
    """A lock that tells whenever it is free again."""

    def __init__(self, on_free: Callable[[], None]) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._on_free = on_free

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        taken = self._lock.acquire(blocking, timeout)
        self._depth += taken
        return taken

    def release(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._on_free()
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def test_whenever_the_lock_is_free_a_study_is_whole_or_gone(engine: Engine) -> None:
    """Between the deletion's change and the mirror's end nobody gets in, whose change would be kept and lost."""
    study = new_study(engine)
    here, seen = threading.get_ident(), []
    lock = _WatchedLock(lambda: seen.append(study.deleted) if threading.get_ident() == here else None)
    engine.mirrors.lock = engine.lock = lock  # type: ignore[assignment]
    engine.delete(study)
    assert seen == [True]


def test_a_deleted_study_is_deleted_once(engine: Engine) -> None:
    study = new_study(engine)
    _delete(engine, study)
    with pytest.raises(StudyMissing):
        engine.delete(study)


def test_a_new_study_of_the_name_begins_while_the_old_ones_rows_are_still_there(engine: Engine) -> None:
    old = new_study(engine, "name")
    _fill(engine, old, trials=3, steps=2 * purge.ROWS_AT_ONCE)
    engine.delete(old)
    new = new_study(engine, "name")
    add_trial(engine, new).wait()
    assert engine.study_names() == {"name": new.study_id}
    assert engine.purge.wait(_TIMEOUT_SECONDS)
    assert _rows(engine.database.url)["trials"] == 1


def _interrupt(url: str) -> int:
    """A study whose deletion was cut short: the process was killed between two removals. Its id."""
    engine = open_engine(url)
    try:
        study = new_study(engine, "cut short")
        _fill(engine, study, trials=3, steps=2 * purge.ROWS_AT_ONCE)
    finally:
        engine.close()
    database = create_engine(url)
    try:
        with database.begin() as connection:
            name = {"name": f"lrtune:deleted:{study.study_id}:1a2b", "id": study.study_id}
            connection.execute(text("UPDATE studies SET study_name = :name WHERE study_id = :id"), name)
            mark = {"study_id": study.study_id, "key": "lrtune:deleted", "value_json": "true"}
            connection.execute(insert(optuna_tables.study_system_attrs), mark)
            assert not remove_some(connection, study.study_id, 10)
    finally:
        database.dispose()
    return study.study_id


def test_an_interrupted_deletion_is_finished_at_the_next_start(migrated_url: str) -> None:
    study_id = _interrupt(migrated_url)
    engine = open_engine(migrated_url)
    try:
        assert engine.study_names() == {}
        with pytest.raises(StudyMissing):
            engine.load(study_id)
        assert engine.purge.wait(_TIMEOUT_SECONDS)
        assert _rows(migrated_url) == {}
    finally:
        engine.close()


def test_the_check_finds_nothing_wrong_with_an_interrupted_deletion(migrated_url: str) -> None:
    _interrupt(migrated_url)
    assert check(migrated_url).findings == []


def _neighbours_study(url: str, study_id: int, name: str) -> None:
    database = create_engine(url)
    try:
        with database.begin() as connection:
            connection.execute(insert(optuna_tables.studies), {"study_id": study_id, "study_name": name})
    finally:
        database.dispose()


def test_another_process_study_that_is_called_like_a_deleted_one_is_kept(migrated_url: str) -> None:
    name = "lrtune:deleted:7000"
    _neighbours_study(migrated_url, 7_000, name)
    engine = open_engine(migrated_url)
    try:
        assert engine.study_names() == {name: 7_000}
        with engine.database.transaction() as connection:
            assert remove_some(connection, 7_000, 10)
        assert engine.purge.wait(_TIMEOUT_SECONDS)
        assert _rows(migrated_url) == {"studies": 1}
    finally:
        engine.close()


def test_a_large_study_is_deleted_whatever_others_are_called(engine: Engine) -> None:
    study = new_study(engine)
    _fill(engine, study, trials=1, steps=2 * purge.ROWS_AT_ONCE)
    _neighbours_study(engine.database.url, 7_000, f"lrtune:deleted:{study.study_id}")
    _delete(engine, study)
    assert engine.purge.wait(_TIMEOUT_SECONDS)
    assert _rows(engine.database.url) == {"studies": 1}


def test_a_study_whose_deletion_is_refused_is_there_as_before(engine: Engine) -> None:
    study = new_study(engine)
    add_trial(engine, study).wait()
    with engine.lock:
        change = engine.delete(study)
        direction = {"study_id": study.study_id, "objective": 0, "direction": "MINIMIZE"}
        change.rows.insert(0, (Op.INSERT_DIRECTION, direction))  # The study has one already.
    with pytest.raises(StorageUnavailable):
        change.wait()
    assert engine.study_names() == {"s": study.study_id}
    assert len(engine.load_name("s").trials) == 1
    _delete(engine, engine.load_name("s"))
    assert _rows(engine.database.url) == {}


def test_no_study_gets_a_name_that_is_kept_for_lrtune(engine: Engine) -> None:
    with pytest.raises(ValueError, match="take another name"):
        OptunaStorage(engine).create_new_study([StudyDirection.MINIMIZE], "lrtune:deleted:1")
    with pytest.raises(ValueError, match="take another name"):
        NewStudy.model_validate({"name": "lrtune:deleted:1"})
    assert StudySpec.model_validate({"name": "lrtune:old"}).name == "lrtune:old", "one that is stored stays readable"


def test_optunas_list_of_studies_loads_none_of_them(migrated_url: str) -> None:
    engine = open_engine(migrated_url)
    try:
        for name in ("one", "two"):
            study = new_study(engine, name)
            with engine.change(study) as change:
                change.set_study_attr("note", name, system=False)
                change.set_study_attr("of lrtune", [name], system=True)
            change.wait()
        in_memory = OptunaStorage(engine).get_all_studies()
        with engine.lock:
            engine.mirrors.drop_all()
        assert OptunaStorage(engine).get_all_studies() == in_memory
        assert [one.user_attrs for one in in_memory] == [{"note": "one"}, {"note": "two"}]
        assert engine.residents() == []
    finally:
        engine.close()


def test_who_asks_for_a_trial_while_the_study_is_deleted_is_told_that_there_is_none(migrated_url: str) -> None:
    """The trial is drawn in a thread; meanwhile the study goes, and the lease would be on nothing."""
    with Tuning(migrated_url) as tuning:
        tuning.create(name="s", sampler={"name": "tpe"})

        async def both() -> object:
            asking = asyncio.create_task(tuning.trials.ask("s", Ask(worker="w", request_id="1")))
            await asyncio.sleep(0)
            await tuning.studies.delete("s")
            return (await asyncio.gather(asking, return_exceptions=True))[0]

        assert isinstance(tuning.run(both()), StudyNotFound)
    assert _rows(migrated_url) == {}
