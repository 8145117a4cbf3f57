"""LoRA begins where LoRA usually does, or where LoRA did before; whole models begin elsewhere."""

from pathlib import Path
from typing import Any

import pytest

from lrtune.service.storage.schema.attributes import PRIOR_ATTR, RANGE_TEST_ATTR
from lrtune.service.tuning.state.rate_prior import rate_quantiles
from tests.support.tuning import Tuning
from tests.tuning.history.studies import OPTIMIZER, beginning, first_rates, past


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lrtune.db"


LORA: dict[str, Any] = {"tags": {"optimizer": "adamw", "family": "lora"}}


def test_a_study_of_lora_begins_and_draws_where_lora_usually_does(url: str) -> None:
    with Tuning(url) as tuning:
        found = beginning(tuning, "new", **LORA)
        assert (found.basis, found.learning_rate) == ("prior", 2e-4)
        assert found.interval == (pytest.approx(2e-5, rel=0.01), pytest.approx(2e-3, rel=0.01))
        assert "The usual rate for LoRA with the Adam family is 0.0002, about ten times that" in found.explanation
        assert all(1e-5 < rate < 4e-3 for rate in first_rates(tuning, "new", 3))
        assert beginning(tuning, "unsaid", tags={"family": "lora"}).learning_rate == 2e-4
        assert beginning(tuning, "dpo", tags={"family": "lora-dpo"}).learning_rate == 5e-6
        assert beginning(tuning, "without", prior="none", **LORA).learning_rate == 2e-4
        study = tuning.run(tuning.studies.get("without"))
        assert study.spec is not None
        assert rate_quantiles(study.spec, study.system_attrs) is None


def test_with_other_optimizers_nothing_is_known_of_lora(url: str) -> None:
    with Tuning(url) as tuning:
        sgd = beginning(tuning, "sgd", tags={"optimizer": "sgd", "family": "lora"})
        assert sgd.learning_rate == 1e-2
        assert "that for LoRA with it is not known here" in sgd.explanation
        tuning.create(name="both", search_space=OPTIMIZER, tags={"family": "lora"})
        tuning.create(name="lbfgs", tags={"optimizer": "lbfgs", "family": "lora"})
        kept = [tuning.run(tuning.studies.get(name)).system_attrs.get(PRIOR_ATTR, {}) for name in ("both", "lbfgs")]
        assert [set(one) for one in kept] == [{"adamw"}, set()]


def test_what_is_usual_for_lora_gives_way_to_a_range_test_and_to_a_given_prior(url: str) -> None:
    with Tuning(url) as tuning:
        tuning.create(name="tested", **LORA)
        study = tuning.run(tuning.studies.get("tested"))
        assert study.spec is not None
        before = rate_quantiles(study.spec, study.system_attrs)
        after = rate_quantiles(study.spec, {**study.system_attrs, RANGE_TEST_ATTR: 0.02})
        assert before is not None
        assert after is not None
        assert before[50] == pytest.approx(2e-4, rel=0.2)
        assert after[50] == pytest.approx(0.02, rel=0.5)
        given = {"learning_rate": {"median": 0.02, "spread_decades": 0.5}}
        assert beginning(tuning, "given", prior=given, **LORA).learning_rate == 0.02


def test_studies_of_lora_and_of_whole_models_tell_nothing_of_each_other(url: str) -> None:
    with Tuning(url) as tuning:
        for number in range(4):
            past(tuning, f"whole{number}", 1e-2, tags={"optimizer": "adamw", "family": "mlp"})
        assert beginning(tuning, "first", **LORA).learning_rate == 2e-4
        past(tuning, "lora", 5e-4, **LORA)
        second = beginning(tuning, "second", **LORA)
        assert second.learning_rate == pytest.approx(5e-4)
        assert "The best rate of one study with adamw on LoRA here is 0.0005" in second.explanation
        other = beginning(tuning, "other", tags={"optimizer": "adamw", "family": "qlora-llama"})
        assert other.learning_rate == pytest.approx(5e-4)
        dpo = beginning(tuning, "dpo", tags={"optimizer": "adamw", "family": "lora-dpo"})
        assert dpo.learning_rate == 5e-6
        for number in range(9):
            past(tuning, f"lora{number}", 5e-4, **LORA)
        assert beginning(tuning, "whole", tags={"optimizer": "adamw"}).learning_rate == pytest.approx(1e-2)
