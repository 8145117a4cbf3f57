"""Studies whose steps are folds: what a trial that was stopped after some of them is worth."""

from collections.abc import Sequence

import pytest
from starlette.testclient import TestClient

from lrtune.service.tuning.sampling import draw as drawing
from lrtune.service.tuning.sampling.samplers import build_sampler
from tests.api.calls import StudyCalls
from tests.api.conftest import create

GOOD, BAD = (0.9, 0.3, 0.6), (1.4, 0.5)
"""Values of folds, of which the second is easy: the good setting comes to 0.6, the bad one to 0.95 after two."""


def of_folds(client: TestClient, **spec: object) -> StudyCalls:
    return create(client, **{"max_steps": 3, "tags": {"folds": "3"}, "pruner": {"name": "none"}, **spec})


def trained(study: StudyCalls, values: Sequence[float], state: str, **params: float) -> int:
    """A trial of these folds; its number."""
    if params:
        study.post("/trials/enqueue", {"params": params})
    lease = study.lease()
    for fold, value in enumerate(values, start=1):
        study.verdict(lease, (fold, value))
    study.finish(lease, state, **({"value": sum(values) / len(values)} if state == "complete" else {}))
    return int(lease["number"])


def test_a_trial_that_is_stopped_after_the_second_fold_is_worth_the_mean_of_two(client: TestClient) -> None:
    study = of_folds(client)
    trial = study.get(f"/trials/{trained(study, BAD, 'pruned')}")
    assert trial["value"] == pytest.approx(0.95)
    assert [point["value"] for point in trial["curve"]] == list(BAD), "each fold is kept as it was"


def test_without_folds_it_keeps_its_last_report(client: TestClient) -> None:
    study = of_folds(client, tags={})
    assert study.get(f"/trials/{trained(study, BAD, 'pruned')}")["value"] == 0.5


def test_one_that_wilcoxon_stops_is_worth_its_mean_too(client: TestClient) -> None:
    study = of_folds(client, tags={}, pruner={"name": "wilcoxon"})
    assert study.get(f"/trials/{trained(study, BAD, 'pruned')}")["value"] == pytest.approx(0.95)


def test_the_picture_of_loss_over_rate_has_the_mean_of_a_trial_in_training(client: TestClient) -> None:
    study = of_folds(client)
    lease = study.lease()
    for fold, value in enumerate(BAD, start=1):
        study.verdict(lease, (fold, value))
    (point,) = study.get("/response")["points"]
    assert (point["state"], point["value"]) == ("running", pytest.approx(0.95))


def test_samplers_are_shown_means_and_pruners_the_folds(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []

    def looking(spec, number, snapshot):  # type: ignore[no-untyped-def]
        shown.append({trial.number: trial.intermediate_values for trial in snapshot.trials})
        return build_sampler(spec, number, snapshot)

    monkeypatch.setattr(drawing, "build_sampler", looking)
    study = of_folds(client, sampler={"name": "tpe", "seed": 0})
    good, bad = trained(study, GOOD, "complete"), trained(study, BAD, "pruned")
    study.lease()
    assert shown[-1][good] == pytest.approx({1: 0.9, 2: 0.6, 3: 0.6})
    assert shown[-1][bad] == pytest.approx({1: 1.4, 2: 0.95})


def test_settings_that_were_stopped_after_an_easy_fold_do_not_lead_the_search(client: TestClient) -> None:
    study = of_folds(client, sampler={"name": "tpe", "seed": 3})
    for exponent in range(8):
        trained(study, BAD, "pruned", learning_rate=0.3 * 1.05**exponent)
        trained(study, (0.9, 0.6), "pruned", learning_rate=1e-4 * 1.05**exponent)  # In the mean the better.
    rates = [study.lease()["params"]["learning_rate"] for _ in range(6)]
    assert sum(rate < 1e-2 for rate in rates) >= 5
