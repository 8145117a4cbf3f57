"""Several processes on one PostgreSQL database: each engine here stands for a process."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from optuna.study import StudyDirection
from sqlalchemy import make_url

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.engine.shares import share_of
from lrtune.service.storage.errors import StorageUnavailable, StorageUrlInvalid, StudyElsewhere, WriterBusy
from lrtune.service.storage.memory.shards import SHARDS, shard_of
from tests.support.engines import add_trial, new_study

NAMES = [f"study-{number}" for number in range(40)]
WITHIN_SECONDS = 20.0
"""Far more than it takes: how soon it is, benches tell."""

Join = Callable[[], Engine]


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds, or fail."""
    end = time.monotonic() + WITHIN_SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


@pytest.fixture
def join(migrated_postgres_url: str) -> Iterator[Join]:
    """Starts one process more on the database; all end with the test."""
    engines: list[Engine] = []

    def start() -> Engine:
        number = len(engines) + 1
        engine = Engine(Database(migrated_postgres_url, shared=True), address=f"http://127.0.0.{number}:8080")
        engines.append(engine)
        engine.start()
        engine.wait_started()
        return engine

    yield start
    for engine in engines:
        engine.close()


def held(engine: Engine) -> frozenset[int]:
    return engine.mirrors.shards.numbers


def shared_out(*engines: Engine) -> bool:
    """Whether each has its share, and together they have all."""
    counts = [len(held(engine)) for engine in engines]
    return sum(counts) == SHARDS and max(counts) <= share_of(len(engines))


def owner_of(name: str, *engines: Engine) -> Engine:
    (owner,) = [engine for engine in engines if shard_of(name) in held(engine)]
    return owner


def kill(engine: Engine, url: str) -> None:
    """What the death of its process does to an engine: the server ends its connection."""
    assert engine.database.shared is not None
    with psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)) as admin:
        admin.execute("select pg_terminate_backend(%s)", [engine.database.shared.pid])


def add_to(engine: Engine, name: str) -> Change:
    return add_trial(engine, engine.load_name(name))


def test_a_study_has_the_same_shard_in_every_release() -> None:
    assert [shard_of(name) for name in ("cifar10-resnet", "a", "größe", "")] == [46, 3, 9, 0]


def test_shares_cover_all_shards_whatever_the_number_of_processes() -> None:
    for processes in range(1, 2 * SHARDS):
        assert processes * share_of(processes) >= SHARDS
    assert [share_of(processes) for processes in (1, 2, 3, 64, 65)] == [64, 32, 22, 1, 1]


def test_a_process_alone_serves_all_shards_and_one_that_joins_gets_its_share(join: Join) -> None:
    first = join()
    until(lambda: shared_out(first))
    second = join()
    until(lambda: shared_out(first, second))
    third = join()
    until(lambda: shared_out(first, second, third))


def test_a_study_is_changed_by_its_owner_alone(join: Join) -> None:
    first, second = join(), join()
    until(lambda: shared_out(first, second))
    for name in NAMES:
        owner = owner_of(name, first, second)
        other = second if owner is first else first
        new_study(owner, name)
        with pytest.raises(StudyElsewhere), other.lock:
            other.new_study(name, [StudyDirection.MINIMIZE])
        with pytest.raises(StudyElsewhere):
            other.resident(name)
    until(lambda: set(first.study_names()) == set(second.study_names()) == set(NAMES))
    for name in NAMES:
        other = second if owner_of(name, first, second) is first else first
        with pytest.raises(StudyElsewhere):
            other.load(other.study_names()[name])


def test_trials_that_two_processes_add_at_a_time_never_get_the_same_id(join: Join) -> None:
    first, second = join(), join()
    until(lambda: shared_out(first, second))
    for name in NAMES:
        new_study(owner_of(name, first, second), name)

    def fill(engine: Engine) -> list[int]:
        ours = [name for name in NAMES if shard_of(name) in held(engine)]
        for _ in range(100):
            for change in [add_to(engine, name) for name in ours]:
                change.wait()  # None was refused: ids come in blocks, without a clash.
        return [trial.trial_id for name in ours for trial in engine.load_name(name).trials]

    with ThreadPoolExecutor(2) as pool:
        ids = [*pool.map(fill, (first, second))]
    assert len({*ids[0], *ids[1]}) == len(ids[0]) + len(ids[1]) == 100 * len(NAMES)


def test_a_burst_that_takes_all_ids_of_the_block_is_asked_to_try_again_and_then_goes_on(join: Join) -> None:
    first, second = join(), join()
    until(lambda: shared_out(first, second))
    name = next(name for name in NAMES if shard_of(name) in held(first))
    new_study(first, name)
    with first.lock:
        while first.mirrors.trial_ids.left:
            first.new_trial_id()
        refused = add_to(first, name)
    with pytest.raises(StorageUnavailable, match="another process took id"):
        refused.wait()

    def goes_on() -> bool:
        try:
            add_to(first, name).wait()
        except StorageUnavailable:
            return False
        return True

    until(goes_on)
    add_to(first, name).wait()
    assert len(first.load_name(name).trials) == 2


def test_trials_of_a_study_that_went_to_another_process_stay_in_the_order_of_their_ids(join: Join) -> None:
    first = join()
    until(lambda: shared_out(first))
    for name in NAMES:
        new_study(first, name)
        add_to(first, name).wait()
    second = join()
    until(lambda: shared_out(first, second))
    for _ in range(3):
        for name in NAMES:
            add_to(owner_of(name, first, second), name).wait()
    first.keeper.leave()  # type: ignore[union-attr]
    until(lambda: not held(first) and shared_out(second))
    for name in NAMES:
        add_to(second, name).wait()
        study = second.load_name(name)
        ids = [trial.trial_id for trial in study.trials]
        assert ids == sorted(ids)
        assert [trial.number for trial in study.trials] == [0, 1, 2, 3, 4]


def test_a_change_begun_before_its_shard_went_is_refused_whole(join: Join) -> None:
    first = join()
    until(lambda: shared_out(first))
    mirrors = {name: new_study(first, name) for name in NAMES}
    second = join()
    until(lambda: shared_out(first, second))
    for name, study in mirrors.items():
        if shard_of(name) in held(first):
            add_trial(first, study).wait()
            continue
        with pytest.raises(StudyElsewhere), first.change(study):
            raise AssertionError("never begun")
        assert second.load_name(name).trials == []


def test_what_was_submitted_before_a_shard_goes_is_on_disk_for_its_new_owner(join: Join) -> None:
    first = join()
    until(lambda: shared_out(first))
    for name in NAMES:
        new_study(first, name)
    kept: dict[str, int] = dict.fromkeys(NAMES, 0)

    def go_on() -> None:
        while True:
            for name in NAMES:
                try:
                    change = add_to(first, name)
                except StudyElsewhere:
                    return
                change.wait()
                kept[name] += 1

    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(go_on)
        second = join()
        adding.result(timeout=WITHIN_SECONDS)
    until(lambda: shared_out(first, second))
    assert sum(kept.values()) > 0
    for name in NAMES:
        assert len(owner_of(name, first, second).load_name(name).trials) == kept[name]


def test_shards_of_a_process_that_died_are_served_by_those_that_are_left(
    join: Join, migrated_postgres_url: str
) -> None:
    first, second = join(), join()
    until(lambda: shared_out(first, second))
    for name in NAMES:
        new_study(owner_of(name, first, second), name)
        add_to(owner_of(name, first, second), name).wait()
    second.keeper.close()  # type: ignore[union-attr]
    second._thread.close()
    until(lambda: shared_out(first))
    for name in NAMES:
        add_to(first, name).wait()
        assert len(first.load_name(name).trials) == 2


def test_a_process_that_lost_its_connection_commits_nothing_and_comes_back_for_its_share(
    join: Join, migrated_postgres_url: str
) -> None:
    first, second = join(), join()
    until(lambda: shared_out(first, second))
    generation = second.activations
    kill(second, migrated_postgres_url)
    until(lambda: second.activations > generation)
    until(lambda: shared_out(first, second))
    for name in NAMES:
        new_study(owner_of(name, first, second), name)


def test_a_single_writer_and_processes_that_share_keep_each_other_out(join: Join, migrated_postgres_url: str) -> None:
    single = open_engine(migrated_postgres_url)
    try:
        with pytest.raises(WriterBusy):
            join()
    finally:
        single.close()
    first = join()
    until(lambda: shared_out(first))
    with pytest.raises(WriterBusy):
        open_engine(migrated_postgres_url)


def test_a_sqlite_file_is_not_shared() -> None:
    with pytest.raises(StorageUrlInvalid, match="PostgreSQL"):
        Database("sqlite:///studies.db", shared=True)


def test_a_process_whose_locks_are_gone_serves_nothing_until_it_has_them_again(
    join: Join, migrated_postgres_url: str
) -> None:
    first = join()
    until(lambda: shared_out(first))
    new_study(first, "s")
    generation = first.activations
    first.upkeep.run(lambda connection: connection.exec_driver_sql("select pg_advisory_unlock_all()"))
    until(lambda: first.activations > generation)
    until(lambda: shared_out(first))
    add_to(first, "s").wait()
