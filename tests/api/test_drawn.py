"""A trial says what drew it where its study's sampler did not, and the study remembers."""

from typing import Any

import pytest
from optuna.samplers import QMCSampler

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
