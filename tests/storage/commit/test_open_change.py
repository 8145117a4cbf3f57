"""A change is made whole or not at all, by the writer alone, and on a mirror that is still true."""

from collections.abc import Iterator

import pytest

from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.errors import StorageUnavailable
from tests.support.engines import add_trial, new_study, running_trial


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    opened = open_engine(migrated_url)
    yield opened
    opened.close()


def test_a_change_that_fails_half_way_leaves_no_trace(engine: Engine) -> None:
    study = new_study(engine)

    def fail_half_way() -> None:
        with engine.change(study) as change:
            change.add_trial(running_trial(engine, study))
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail_half_way()
    assert not study.alive
    assert engine.load(study.study_id).trials == []


def test_a_block_that_raises_before_it_changed_anything_costs_nothing(engine: Engine) -> None:
    study = new_study(engine)
    version = study.version
    with pytest.raises(ArithmeticError), engine.change(study):
        raise ArithmeticError
    assert study.alive
    assert study.version == version
    assert engine.pending(study) is None
    add_trial(engine, study).wait()


def test_a_mirror_that_was_thrown_away_takes_no_change(engine: Engine) -> None:
    study = new_study(engine)
    with engine.lock:
        engine.mirrors.drop(study)
    with pytest.raises(StorageUnavailable, match="is being read anew"), engine.change(study):
        pass
    add_trial(engine, engine.load(study.study_id)).wait()


def test_an_engine_that_has_ended_takes_no_change_and_holds_no_lock(engine: Engine) -> None:
    study = new_study(engine)
    engine.close()
    for _ in range(2):
        with pytest.raises(StorageUnavailable), engine.change(study):
            pass
    assert not engine.lock._is_owned()  # type: ignore[attr-defined]
