"""Range tests on disk: they outlive the process, travel with backups, and go with their study."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from lrtune.service.storage.maintenance.backup import backup
from lrtune.service.storage.maintenance.check import check
from lrtune.service.storage.maintenance.restore import restore
from lrtune.service.tuning.suggesting.range_tests import RangeTests
from lrtune.service.wire.range_tests import KeptRangeTestWithCurve, NewRangeTest
from tests.support.filled import content
from tests.support.tuning import Tuning

RATES = [10 ** (-5 + 0.25 * step) for step in range(20)]
LOSSES = [2.0 - 0.1 * step for step in range(15)] + [3.0, float("nan"), float("inf"), float("-inf"), 1e308]


@pytest.fixture
def tuning(storage_url: str) -> Iterator[Tuning]:
    with Tuning(storage_url) as tuning:
        tuning.create(name="s")
        tuning.create(name="other")
        yield tuning


def keep(tuning: Tuning, name: str = "s", **more: object) -> KeptRangeTestWithCurve:
    body = NewRangeTest.model_validate({"learning_rates": RATES, "losses": LOSSES, "smoothing": 0.0, **more})
    kept, new = tuning.run(RangeTests(tuning.engine, tuning.studies).keep(name, body))
    assert new
    return kept


def read(tuning: Tuning, number: int) -> str:
    """As JSON, in which nan equals nan."""
    return tuning.run(RangeTests(tuning.engine, tuning.studies).get("s", number)).model_dump_json()


def test_a_range_test_is_the_same_after_the_study_was_read_from_disk(tuning: Tuning) -> None:
    kept = [keep(tuning), keep(tuning, batch_size=32, optimizer="adamw", other_seeds=[LOSSES[:4]])]
    before = tuning.run(tuning.studies.get("s")).range_tests
    tuning.forget("s")
    assert tuning.run(tuning.studies.get("s")).range_tests == before
    assert [read(tuning, 0), read(tuning, 1)] == [test.model_dump_json() for test in kept]
    assert keep(tuning).number == 2


def test_a_repeated_request_is_known_after_the_study_was_read_from_disk(tuning: Tuning) -> None:
    kept = keep(tuning, request_id="r")
    tuning.forget("s")
    body = NewRangeTest.model_validate({"learning_rates": RATES, "losses": LOSSES, "smoothing": 0.0, "request_id": "r"})
    again, new = tuning.run(RangeTests(tuning.engine, tuning.studies).keep("s", body))
    assert not new
    assert again.model_dump_json() == kept.model_dump_json()


def test_backups_carry_range_tests_and_the_check_looks_at_them(
    tuning: Tuning, storage_url: str, tmp_path: Path
) -> None:
    keep(tuning)
    saved = backup(storage_url, tmp_path / "b.backup")
    other = f"sqlite:///{tmp_path}/restored.db"
    restore(saved.file, other)
    assert content(other)["lrtune_range_tests"] == content(storage_url)["lrtune_range_tests"]
    assert len(content(other)["lrtune_range_tests"]) == 1
    assert check(other).findings == []
    engine = create_engine(other)
    with engine.begin() as connection:
        connection.execute(text("update lrtune_range_tests set study_id = 99"))
    engine.dispose()
    (finding,) = check(other).findings
    assert "lrtune_range_tests belong to no studie" in finding.found or "belong to no study" in finding.found


def test_deleting_a_study_deletes_its_range_tests_alone(tuning: Tuning, storage_url: str) -> None:
    keep(tuning)
    keep(tuning, "other")
    tuning.run(tuning.studies.delete("s"))
    assert len(content(storage_url)["lrtune_range_tests"]) == 1
