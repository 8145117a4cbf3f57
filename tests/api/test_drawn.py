"""A trial says what drew it where its study's sampler did not, and the study remembers."""

from typing import Any

import pytest
from optuna.samplers import QMCSampler

from lrtune.service.tuning.auto import AutoSampler
from lrtune.service.tuning.state.sampler_trouble import trouble_of
from tests.api.conftest import NewStudy


def test_a_trial_that_the_sampler_failed_on_says_so_and_others_do_not(
    each_study: NewStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = each_study(sampler={"name": "qmc"})
    study.lease()

    def fail(*_: Any) -> None:
        raise ArithmeticError("no such point")

    with monkeypatch.context() as broken:
        broken.setattr(QMCSampler, "sample_relative", fail)
        study.lease()
    study.lease()
    first, second, third = (study.trial(number)["drawn"] for number in range(3))
    assert first is None
    assert third is None
    assert second == {"by": "random", "reason": "sampler qmc: it failed: ArithmeticError: no such point"}
    assert [trial["drawn"] for trial in study.trials()] == [first, second, third]
    parts = study.client.app.state.container  # type: ignore[attr-defined]
    with parts.engine.lock:
        trouble = trouble_of(parts.engine.resident(study.name))
    assert (trouble.draws, trouble.trial) == (1, 1)
    assert "no such point" in str(trouble.reason)
    assert trouble.at is not None
    study.client.delete(f"/v1/studies/{study.name}")


@pytest.mark.parametrize("sampler", ["auto", "qmc"])
def test_readyz_tells_which_samplers_fail_and_why_and_stays_ready(
    each_study: NewStudy, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    study = each_study(sampler={"name": sampler})
    study.lease()
    assert study.name not in study.client.get("/readyz").json().get("failing_samplers", {})

    def fail(*_: Any) -> None:
        raise ArithmeticError("no such point")

    with monkeypatch.context() as broken:
        for kind in (QMCSampler, AutoSampler):
            broken.setattr(kind, "sample_relative", fail)
        study.lease()
        study.lease()
    ready = study.client.get("/readyz")
    assert ready.status_code == 200
    told = ready.json()["failing_samplers"][study.name]
    assert (told["draws"], told["trial"]) == (2, 2)
    assert "no such point" in told["reason"]
    assert study.trial(2)["drawn"]["reason"] == told["reason"]
    study.client.delete(f"/v1/studies/{study.name}")
    assert "failing_samplers" not in study.client.get("/readyz").json(), "a study that is gone is told of no more"
