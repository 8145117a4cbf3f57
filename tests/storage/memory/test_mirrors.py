"""Names, ids and mirrors of a database, with no database."""

import pytest
from optuna.study import StudyDirection

from lrtune.service.storage.errors import StudyMissing, StudyNameTaken
from lrtune.service.storage.memory.mirrors import Mirrors
from lrtune.service.storage.memory.study import StudyMirror
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mirrors(clock: Clock) -> Mirrors:
    """Those of a database with the studies a (1) and b (2), none in memory; the last trial is 10."""
    mirrors = Mirrors(elapsed=clock)
    mirrors.begin({"a": 1, "b": 2}, (2, 10))
    return mirrors


def take_in(mirrors: Mirrors, study_id: int, name: str) -> StudyMirror:
    study = StudyMirror(study_id, name, [StudyDirection.MINIMIZE])
    mirrors.take_in(study)
    return study


def test_new_studies_and_trials_get_ids_past_those_in_use(mirrors: Mirrors) -> None:
    assert mirrors.new_study("c", [StudyDirection.MINIMIZE]).study_id == 3
    assert mirrors.id_of("c") == 3
    assert mirrors.new_trial_id() == 11
    assert mirrors.note_trial_id(20)
    assert not mirrors.note_trial_id(15)
    assert mirrors.new_trial_id() == 21
    with pytest.raises(StudyNameTaken):
        mirrors.new_study("a", [StudyDirection.MINIMIZE])


def test_a_removed_study_has_no_name_and_its_mirror_is_void(mirrors: Mirrors) -> None:
    study = take_in(mirrors, 1, "a")
    mirrors.remove(study)
    assert not study.alive
    assert mirrors.in_memory(1) is None
    with pytest.raises(StudyMissing):
        mirrors.id_of("a")


def test_beginning_anew_makes_all_void(mirrors: Mirrors) -> None:
    study, generation = take_in(mirrors, 1, "a"), mirrors.generation
    mirrors.begin({"z": 7}, (7, 70))
    assert not study.alive
    assert mirrors.residents() == []
    assert mirrors.names() == {"z": 7}
    assert mirrors.new_trial_id() == 71
    assert mirrors.generation == generation + 1


def test_what_is_idle_is_dropped_but_not_what_is_in_use(mirrors: Mirrors, clock: Clock) -> None:
    idle, busy = take_in(mirrors, 1, "a"), take_in(mirrors, 2, "b")
    clock.advance(100)
    used = take_in(mirrors, 3, "c")
    mirrors.drop_idle(50, in_use={2})
    assert [idle.alive, busy.alive, used.alive] == [False, True, True]
    assert mirrors.id_of("a") == 1


def test_a_study_that_another_process_made_anew_under_its_name_is_dropped(mirrors: Mirrors) -> None:
    kept, gone = take_in(mirrors, 1, "a"), take_in(mirrors, 2, "b")
    mirrors.rename({"a": 1, "b": 9})
    assert [kept.alive, gone.alive] == [True, False]
    assert mirrors.new_study("c", [StudyDirection.MINIMIZE]).study_id == 10


def test_after_a_refusal_names_and_ids_are_as_the_database_says(mirrors: Mirrors) -> None:
    """We were making c under id 3, where another process had made d; and were deleting b."""
    ours = mirrors.new_study("c", [StudyDirection.MINIMIZE])
    mirrors.remove(take_in(mirrors, 2, "b"))
    mirrors.put_right({3}, {1: "a", 2: "b", 3: "d"}, (3, 40), in_use={2})
    assert not ours.alive
    assert mirrors.names() == {"a": 1, "c": 3, "d": 3}
    assert mirrors.new_trial_id() == 41
