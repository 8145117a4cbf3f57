"""A stock Optuna process writes the same database: it is noticed, nothing is lost, and it is never disturbed."""

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import create_engine, text

from lrtune.service.storage import open_storage
from lrtune.service.storage.errors import StorageUnavailable, StudyMissing
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.errors import LeaseLost
from lrtune.service.tuning.sampling.snapshots import snapshot_for
from lrtune.service.wire.trials import Ask, Enqueue, LeasedTrial, Report, Reports, Result
from tests.support.mirrors import fields_of, read_by_optuna
from tests.support.tuning import Tuning

RATE = FloatDistribution(1e-5, 1.0, log=True)
SPACE = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}


@pytest.fixture
def ours(migrated_url: str) -> Iterator[Tuning]:
    """The service's side; it looks for neighbours when the test says so."""
    with Tuning(migrated_url) as tuning:
        tuning.engine.neighbours.close()
        tuning.create(name="s", search_space=SPACE, sampler={"name": "tpe"}, pruner={"name": "none"}, max_steps=5)
        yield tuning


@pytest.fixture
def theirs(ours: Tuning, migrated_url: str) -> Iterator[RDBStorage]:
    """The neighbour's side."""
    storage = RDBStorage(migrated_url)
    yield storage
    storage.remove_session()
    storage.engine.dispose()


def study_of(tuning: Tuning) -> StudyMirror:
    return tuning.run(tuning.studies.get("s"))


def look(tuning: Tuning) -> bool:
    return tuning.engine.neighbours.look()


def ask(tuning: Tuning, request_id: str = "r") -> LeasedTrial:
    leased = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=request_id)))
    assert isinstance(leased, LeasedTrial)
    return leased


def finish(tuning: Tuning, leased: LeasedTrial, value: float = 0.5) -> None:
    tuning.run(tuning.trials.result("s", leased.number, Result(lease=leased.lease, state="complete", value=value)))


def theirs_named(storage: RDBStorage, name: str = "s") -> optuna.Study:
    return optuna.load_study(study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler())


def held(tuning: Tuning) -> list[dict[str, Any]]:
    return [fields_of(trial.freeze()) for trial in study_of(tuning).trials]


def stored_numbers(url: str) -> list[int]:
    engine = create_engine(url)
    with engine.connect() as connection:
        numbers = list(connection.execute(text("select number from trials order by trial_id")).scalars())
    engine.dispose()
    return numbers


# What is noticed


def test_studies_that_a_neighbour_makes_and_deletes_come_and_go(ours: Tuning, theirs: RDBStorage) -> None:
    made = optuna.create_study(study_name="made by optuna", storage=theirs)
    made.add_trial(optuna.create_trial(params={"x": 0.5}, distributions={"x": RATE}, value=1.0))
    with pytest.raises(StudyMissing):
        ours.engine.load_name("made by optuna")
    assert look(ours)
    assert len(ours.engine.load_name("made by optuna").trials) == 1
    optuna.delete_study(study_name="made by optuna", storage=theirs)
    assert look(ours)
    with pytest.raises(StudyMissing):
        ours.engine.load_name("made by optuna")
    assert not look(ours)


def test_trials_of_a_neighbour_are_taken_in_field_by_field(ours: Tuning, theirs: RDBStorage, migrated_url: str) -> None:
    finish(ours, ask(ours))
    version = study_of(ours).version
    study = theirs_named(theirs)
    study.set_user_attr("note", "from outside")

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", 1e-5, 1.0, log=True)
        trial.set_user_attr("half", rate / 2)
        for step in range(3):
            trial.report(math.nan if step == 1 else rate / (step + 1), step)
        if trial.number == 2:
            raise optuna.TrialPruned()
        return rate

    study.optimize(objective, n_trials=4)
    study.add_trial(
        optuna.create_trial(state=TrialState.FAIL, params={"learning_rate": 0.1}, distributions={"learning_rate": RATE})
    )
    assert look(ours)
    mirror = study_of(ours)
    assert held(ours) == read_by_optuna(migrated_url, "s")
    assert [trial.number for trial in mirror.trials] == list(range(6))
    assert mirror.user_attrs["note"] == "from outside"
    assert +mirror.tally.outcomes == {"complete": 4, "pruned": 1, "failed": 1}
    assert mirror.version > version
    assert mirror.spec is not None
    assert len(snapshot_for(mirror.spec, mirror).trials) >= 5, "the sampler sees them"
    assert not look(ours)

    tally, ranking = mirror.tally, list(mirror.ranking)
    ours.forget("s")
    assert study_of(ours).tally == tally
    assert study_of(ours).ranking == ranking
    assert ask(ours, "next").number == 6


def test_a_running_trial_of_a_neighbour_is_followed_to_its_end(
    ours: Tuning, theirs: RDBStorage, migrated_url: str
) -> None:
    study = theirs_named(theirs)
    trial = study.ask()
    assert look(ours)
    assert study_of(ours).trials[0].state is TrialState.RUNNING
    assert study_of(ours).trials[0].params == {}
    trial.suggest_float("learning_rate", 1e-5, 1.0, log=True)
    trial.report(0.5, 1)
    assert look(ours)
    assert study_of(ours).trials[0].intermediate == {1: 0.5}
    assert study_of(ours).trials[0].last_step == 1
    study.tell(trial, 0.25)
    assert look(ours)
    best = study_of(ours).best
    assert best is not None
    assert best.value == 0.25
    assert held(ours) == read_by_optuna(migrated_url, "s")


def test_what_we_write_ourselves_is_not_taken_for_a_neighbours(ours: Tuning, theirs: RDBStorage) -> None:
    for index in range(5):
        leased = ask(ours, str(index))
        body = Reports(lease=leased.lease, reports=[Report(step=1, value=math.nan if index == 1 else 0.5)])
        ours.run(ours.trials.report("s", leased.number, body))
        assert not look(ours)
        if index % 2:
            finish(ours, leased)
    ours.run(ours.trials.enqueue("s", Enqueue(params={"learning_rate": 0.1})))
    assert not look(ours)


def test_many_trials_at_once_are_taken_in_over_several_looks(ours: Tuning, theirs: RDBStorage) -> None:
    trial = optuna.create_trial(params={"learning_rate": 0.1}, distributions={"learning_rate": RATE}, value=1.0)
    study = theirs_named(theirs)
    study.add_trial(trial)
    with theirs.engine.begin() as connection:
        insert = "INSERT INTO trials (study_id, number, state) VALUES (:study, :number, 'COMPLETE')"
        rows = [{"study": study._study_id, "number": number} for number in range(1, 1203)]
        connection.execute(text(insert), rows)
    looks = 0
    while look(ours):
        looks += 1
    assert looks == 2
    assert len(study_of(ours).trials) == 1203


# Collisions


def test_an_id_that_a_neighbour_took_first_costs_a_second_try_and_nothing_else(
    ours: Tuning, theirs: RDBStorage, migrated_url: str
) -> None:
    finish(ours, ask(ours, "before"))
    theirs_named(theirs).ask()  # Takes the id that we would choose next.
    with pytest.raises(StorageUnavailable) as refused:
        ask(ours, "r")
    assert refused.value.retry_after_seconds < 1
    leased = ask(ours, "r")
    assert leased.number == 2
    finish(ours, leased)
    assert [trial["number"] for trial in read_by_optuna(migrated_url, "s")] == [0, 1, 2]
    assert stored_numbers(migrated_url) == [0, 1, 2]
    assert held(ours) == read_by_optuna(migrated_url, "s")


def test_a_number_that_a_neighbour_took_first_is_not_given_twice(
    ours: Tuning, theirs: RDBStorage, migrated_url: str
) -> None:
    """Our next id is free, but an earlier one, set aside for a draw that came to nothing, is the neighbour's."""
    finish(ours, ask(ours, "before"))
    with ours.engine.lock:
        for _ in range(3):
            ours.engine.new_trial_id()
    theirs_named(theirs).ask()
    with pytest.raises(StorageUnavailable, match="another process added a trial"):
        ask(ours, "r")
    assert ask(ours, "r").number == 2
    assert stored_numbers(migrated_url) == [0, 1, 2]


def test_only_the_study_in_which_the_neighbour_was_faster_has_to_try_again(ours: Tuning, theirs: RDBStorage) -> None:
    ours.create(name="other", search_space=SPACE)
    other = ours.run(ours.studies.get("other"))
    theirs_named(theirs).ask()
    engine = ours.engine
    with engine.lock:
        engine.new_trial_id()
        with engine.change(study_of(ours)) as refused:
            refused.add_trial(TrialMirror(engine.new_trial_id(), 0, TrialState.RUNNING))
        with engine.change(other) as kept:
            kept.add_trial(TrialMirror(engine.new_trial_id(), 0, TrialState.RUNNING))
    kept.wait()
    with pytest.raises(StorageUnavailable):
        refused.wait()
    assert other.alive
    assert len(study_of(ours).trials) == 1


def test_a_study_name_that_a_neighbour_took_first_is_taken(ours: Tuning, theirs: RDBStorage) -> None:
    optuna.create_study(study_name="new", storage=theirs)
    with pytest.raises(StorageUnavailable):
        ours.create(name="new", search_space=SPACE)
    with pytest.raises(Exception, match="new"):
        ours.create(name="new", search_space=SPACE)
    ours.create(name="newer", search_space=SPACE)


def test_a_waiting_trial_is_trained_by_one_side_only(ours: Tuning, theirs: RDBStorage) -> None:
    ours.run(ours.trials.enqueue("s", Enqueue(params={"learning_rate": 0.1})))
    taken = theirs_named(theirs).ask()
    assert taken.number == 0
    with pytest.raises(StorageUnavailable, match="waiting trial"):
        ask(ours, "r")
    assert ask(ours, "r").number == 1
    theirs_named(theirs).tell(taken, 0.5)


def test_a_trial_on_lease_that_a_neighbour_ends_is_lost_to_its_worker(
    ours: Tuning, theirs: RDBStorage, migrated_url: str
) -> None:
    leased = ask(ours)
    theirs_named(theirs).tell(leased.number, 0.125)
    assert look(ours)
    with pytest.raises(LeaseLost, match="complete already"):
        finish(ours, leased)
    study = study_of(ours)
    assert study.trials[0].value == 0.125
    assert study.leased == {}
    assert not look(ours)
    ours.clock.now += 10_000
    assert ours.trials.expire() == 0
    assert read_by_optuna(migrated_url, "s")[0]["values"] == [0.125]


def test_one_that_ended_while_the_study_was_not_in_memory_has_no_lease_either(
    ours: Tuning, theirs: RDBStorage, migrated_url: str
) -> None:
    leased = ask(ours)
    theirs_named(theirs).tell(leased.number, 0.125)
    ours.forget("s")
    with pytest.raises(LeaseLost):
        finish(ours, leased)
    pending = ours.engine.pending(study_of(ours))
    if pending is not None:
        pending.wait()
    reader = create_engine(migrated_url)
    with reader.connect() as connection:
        assert connection.execute(text("select count(*) from lrtune_trials where leased")).scalar() == 0
    reader.dispose()


def test_numbers_that_do_not_follow_the_ids_are_set_right(ours: Tuning, theirs: RDBStorage, migrated_url: str) -> None:
    for index in range(4):
        finish(ours, ask(ours, str(index)))
    with theirs.engine.begin() as connection:
        connection.execute(text("update trials set number = 1 where number = 2"))
    ours.forget("s")
    assert ask(ours, "next").number == 4
    assert stored_numbers(migrated_url) == [0, 1, 2, 3, 4]


# Side by side


def test_both_sides_work_on_one_study_at_the_same_time(ours: Tuning, migrated_url: str) -> None:
    """Nobody's trial is lost or given twice, and Optuna never meets an error."""
    over, failures = threading.Event(), list[BaseException]()
    told: dict[int, float] = {}

    def neighbour(name: str) -> None:
        storage = RDBStorage(migrated_url)
        try:
            study = theirs_named(storage, name)
            while not over.is_set():
                trial = study.ask({"learning_rate": RATE})
                trial.report(0.5, 1)
                study.tell(trial, 0.5)
                over.wait(0.05)
        except BaseException as error:
            failures.append(error)
        finally:
            storage.remove_session()
            storage.engine.dispose()

    ours.create(name="another", search_space=SPACE)
    with ThreadPoolExecutor(2) as pool:
        for name in ("s", "another"):
            pool.submit(neighbour, name)
        try:
            tries = refused = 0
            while len(told) < 15:
                tries += 1
                assert tries < 300
                look(ours)
                try:
                    request = Ask(worker="w", request_id=f"request {len(told)}")
                    leased = ours.run(ours.trials.ask("s", request))
                    if not isinstance(leased, LeasedTrial):
                        continue
                    finish(ours, leased, value := 0.001 * len(told))
                except StorageUnavailable:
                    refused += 1
                    continue
                assert leased.number not in told
                told[leased.number] = value
        finally:
            over.set()
    assert failures == []
    print(f"{tries} tries, {refused} refused, {len(told)} trials")
    while look(ours):
        pass
    for name in ("s", "another"):
        in_database = read_by_optuna(migrated_url, name)
        assert [trial["number"] for trial in in_database] == list(range(len(in_database)))
        mirror = ours.run(ours.studies.get(name))
        assert [fields_of(trial.freeze()) for trial in mirror.trials] == in_database
    in_database = read_by_optuna(migrated_url, "s")
    assert {number: in_database[number]["values"] for number in told} == {n: [value] for n, value in told.items()}
    assert len(in_database) > len(told)


def test_the_thread_looks_by_itself_within_seconds(migrated_url: str) -> None:
    storage = open_storage(migrated_url)
    try:
        optuna.create_study(study_name="s", storage=storage)
        theirs = RDBStorage(migrated_url)
        theirs_named(theirs).add_trial(
            optuna.create_trial(params={"learning_rate": 0.1}, distributions={"learning_rate": RATE}, value=1.0)
        )
        pause = threading.Event()
        for _ in range(200):
            if storage.get_n_trials(storage.get_study_id_from_name("s")) == 1:
                break
            pause.wait(0.05)
        assert storage.get_n_trials(storage.get_study_id_from_name("s")) == 1
        theirs.remove_session()
        theirs.engine.dispose()
    finally:
        storage.close()
