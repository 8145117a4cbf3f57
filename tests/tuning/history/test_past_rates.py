"""What past studies found is where later ones begin."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from lrtune.service.storage.schema import tables
from lrtune.service.storage.schema.attributes import PRIOR_ATTR
from lrtune.service.tuning.history import recording
from lrtune.service.tuning.history.lookup import remembered
from lrtune.service.tuning.state.rate_prior import rate_quantiles
from lrtune.service.tuning.suggesting.suggestion import suggest
from lrtune.service.wire.trials import Record
from tests.support.tuning import Tuning
from tests.tuning.history.studies import OPTIMIZER, SPREAD, beginning, first_rates, past


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lrtune.db"


def rows(tuning: Tuning) -> dict[tuple[int, str], Any]:
    with tuning.engine.database.read() as connection:
        return {(row.study_id, row.optimizer): row for row in connection.execute(select(tables.history))}


def test_a_new_study_begins_at_the_median_best_rate_of_those_with_its_optimizer(url: str) -> None:
    with Tuning(url) as tuning:
        for number, best in enumerate((2e-4, 3e-4, 5e-3)):
            past(tuning, f"past{number}", best, tags={"optimizer": "AdamW"})
        past(tuning, "other", 0.3, tags={"optimizer": "sgd"})
        found = beginning(tuning, "new", tags={"optimizer": "adamw"})
        assert (found.basis, found.trials) == ("prior", 0)
        assert found.learning_rate == pytest.approx(3e-4)
        assert "The median best rate of 3 studies with adamw here is 0.0003" in found.explanation
        assert found.interval is not None
        assert found.interval[0] < 1e-4
        assert found.interval[1] > 1e-3
        assert first_rates(tuning, "new", 1)[0] == pytest.approx(3e-4, rel=1.0)
        alone = beginning(tuning, "alone", tags={"optimizer": "adamw"}, prior="none")
        assert alone.learning_rate == 1e-3
        assert beginning(tuning, "unsaid").learning_rate == 1e-3


def test_what_was_remembered_is_kept_with_the_study_and_its_draws_survive_a_restart(url: str) -> None:
    with Tuning(url) as tuning:
        past(tuning, "past", 2e-4, tags={"optimizer": "adamw"})
        for name in ("a", "b"):
            tuning.create(name=name, tags={"optimizer": "adamw"}, sampler={"name": "auto", "seed": 3})
        before = first_rates(tuning, "a", 3)
        tuning.run(tuning.studies.delete("past"))
    with Tuning(url) as tuning:
        assert first_rates(tuning, "b", 3) == before
        assert suggest(tuning.run(tuning.studies.get("b"))).learning_rate == pytest.approx(2e-4)


def test_deleting_a_study_deletes_what_it_found(url: str) -> None:
    with Tuning(url) as tuning:
        past(tuning, "past", 2e-4, tags={"optimizer": "adamw"})
        assert len(rows(tuning)) == 1
        tuning.run(tuning.studies.delete("past"))
        assert rows(tuning) == {}
        assert beginning(tuning, "new", tags={"optimizer": "adamw"}).learning_rate == 1e-3


def test_studies_of_the_same_family_speak_for_themselves_once_there_are_three(url: str) -> None:
    with Tuning(url) as tuning:
        for number in range(4):
            past(tuning, f"mlp{number}", 1e-2, tags={"optimizer": "adamw", "family": "mlp"})
        for number in range(2):
            past(tuning, f"cnn{number}", 1e-4, tags={"optimizer": "adamw", "family": "cnn"})
        pooled = beginning(tuning, "two", tags={"optimizer": "adamw", "family": "cnn"})
        assert pooled.learning_rate == pytest.approx(1e-2)
        past(tuning, "cnn2", 1e-4, tags={"optimizer": "adamw", "family": "cnn"})
        own = beginning(tuning, "three", tags={"optimizer": "adamw", "family": "cnn"})
        assert own.learning_rate == pytest.approx(1e-4)
        assert "on cnn" in own.explanation


def test_a_searched_optimizer_is_remembered_choice_by_choice(url: str) -> None:
    with Tuning(url) as tuning:
        past(tuning, "sgd", 0.2, search_space=OPTIMIZER, optimizer="sgd")
        past(tuning, "adamw", 2e-4, search_space=OPTIMIZER, optimizer="AdamW", direction="maximize", sign=-1)
        tuning.create(name="new", search_space=OPTIMIZER)
        study = tuning.run(tuning.studies.get("new"))
        kept = study.system_attrs[PRIOR_ATTR]
        assert {name: pytest.approx(found["median"]) for name, found in kept.items()} == {"sgd": 0.2, "adamw": 2e-4}
        assert study.spec is not None
        quantiles = rate_quantiles(study.spec, study.system_attrs)
        assert quantiles is not None
        assert quantiles[25] < 2e-3 < 2e-2 < quantiles[75]
        found = suggest(study)
        assert found.learning_rate == pytest.approx(kept[str(found.params["optimizer"]).lower()]["median"])


def test_a_given_prior_is_where_the_study_begins(url: str) -> None:
    with Tuning(url) as tuning:
        past(tuning, "past", 2e-4, tags={"optimizer": "adamw"})
        given = {"learning_rate": {"median": 0.02, "spread_decades": 0.5}}
        found = beginning(tuning, "new", tags={"optimizer": "adamw"}, prior=given)
        assert (found.basis, found.learning_rate) == ("prior", 0.02)
        assert found.interval == (pytest.approx(0.02 / 10**0.64, rel=0.01), pytest.approx(0.02 * 10**0.64, rel=0.01))
        rates = first_rates(tuning, "new", 3)
        assert all(1e-3 < rate < 0.3 for rate in rates)


def test_too_few_trials_and_studies_without_a_rate_tell_nothing(url: str) -> None:
    with Tuning(url) as tuning:
        past(tuning, "short", 2e-4, rates=SPREAD[:3], tags={"optimizer": "adamw"})
        layers = {"num_layers": {"type": "int", "low": 1, "high": 9}}
        tuning.create(name="layers", search_space=layers, tags={"optimizer": "adamw"})
        for value in range(6):
            record = Record.model_validate({"params": {"num_layers": 1 + value}, "value": float(value)})
            tuning.run(tuning.trials.record("layers", record))
        assert rows(tuning) == {}


def test_the_centre_of_the_near_best_rates_is_kept_not_the_luckiest(url: str) -> None:
    with Tuning(url) as tuning:
        tuning.create(name="flat", tags={"optimizer": "adamw"})
        flat = {1e-4: 0.30, 3e-4: 0.299, 1e-3: 0.30, 3e-3: 0.2985, 1e-2: 0.30}
        steep = {1e-6: 9.0, 2e-6: 9.0, 4e-6: 9.0, 1e-5: 5.0, 1e-1: 6.0, 0.5: 7.0, 0.9: 8.0}
        for rate, value in {**steep, **flat}.items():
            record = Record.model_validate({"params": {"learning_rate": rate}, "value": value})
            tuning.run(tuning.trials.record("flat", record))
        (row,) = rows(tuning).values()
        assert 2e-4 < row.learning_rate < 2e-3
        assert row.trials >= 8


def test_studies_from_before_are_filled_in_once(url: str) -> None:
    with Tuning(url) as tuning:
        past(tuning, "past", 2e-4, tags={"optimizer": "adamw"})
        past(tuning, "short", 2e-4, rates=(), tags={"optimizer": "adamw"})
        tuning.create(name="layers", search_space={"depth": {"type": "int", "low": 1, "high": 9}})
        for depth in range(1, 8):
            record = Record.model_validate({"params": {"depth": depth}, "value": float(depth)})
            tuning.run(tuning.trials.record("layers", record))
        with tuning.engine.database.transaction() as connection:
            connection.execute(tables.history.delete())
        assert recording.fill(tuning.engine) == 2
        tuning.run(tuning.studies.settled(tuning.run(tuning.studies.get("past"))))
        tuning.run(tuning.studies.settled(tuning.run(tuning.studies.get("layers"))))
        kept = {key: row.learning_rate for key, row in rows(tuning).items()}
        assert sorted(kept.values(), key=str) == [pytest.approx(2e-4), None]
        assert recording.fill(tuning.engine) == 0
        assert beginning(tuning, "new", tags={"optimizer": "adamw"}).learning_rate == pytest.approx(2e-4)


def test_rates_are_moved_to_the_batch_size_and_length_asked_for(url: str) -> None:
    with Tuning(url) as tuning:
        past(tuning, "s", 0.1, tags={"optimizer": "sgd", "batch_size": "64", "total_steps": "900"})
        past(tuning, "m", 0.01, tags={"optimizer": "muon", "batch_size": "64"})
        moved = remembered(tuning.engine, "sgd", None, 256, None)
        assert moved is not None
        assert moved.median == pytest.approx(0.4)
        assert "scaled" in moved.told
        longer = remembered(tuning.engine, "sgd", None, 64, 8100)
        assert longer is not None
        assert longer.median == pytest.approx(0.1 * 10**-0.25)
        same = remembered(tuning.engine, "muon", None, 256, None)
        assert same is not None
        assert same.median == pytest.approx(0.01)
