"""What is suggested and drawn at the edge of a space is inside it, and is taken back."""

import pytest

from tests.api.conftest import NewStudy


@pytest.mark.parametrize(
    ("low", "high", "best"),
    [(1e-5, 1.0, 0), (1e-3, 10.0, 5), (1e-6, 0.1, 5), (1e-7, 1e-2, 0), (1e-4, 0.01, 5), (3e-5, 0.7, 5)],
)
def test_a_suggestion_at_a_bound_lies_within_it_and_can_be_enqueued_and_recorded(
    new_study: NewStudy, low: float, high: float, best: int
) -> None:
    space = {
        "learning_rate": {"type": "float", "low": low, "high": high, "log": True},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    }
    study = new_study(search_space=space)
    rates = [low, *(low * (high / low) ** (index / 5) for index in range(1, 5)), high]
    for index, rate in enumerate(rates):
        for extra, optimizer in enumerate(("sgd", "adam")):
            body = {"params": {"learning_rate": rate, "optimizer": optimizer}, "value": abs(index - best) + extra}
            assert study.post("/trials/record", body).status_code == 201
    found = study.get("/suggestion")
    assert found["basis"] == "posterior"
    assert low <= found["interval"][0] <= found["learning_rate"] <= found["interval"][1] <= high
    assert found["params"]["learning_rate"] == found["learning_rate"]
    assert study.post("/trials/enqueue", {"params": found["params"]}).status_code == 201
    assert study.post("/trials/record", {"params": found["params"], "value": 1.0}).status_code == 201
    for end in found["interval"]:
        assert study.post("/trials/enqueue", {"params": {"learning_rate": end}}).status_code == 201
    response = study.get("/response")
    grid = response["fit"]["learning_rates"]
    assert low <= min(grid) <= max(grid) <= high


def test_a_value_that_is_off_by_a_rounding_error_is_meant_and_one_further_off_is_refused(new_study: NewStudy) -> None:
    space = {
        "dropout": {"type": "float", "low": 0.0, "high": 0.3, "step": 0.1},
        "learning_rate": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    }
    study = new_study(search_space=space, replicates=1, max_trials=4)
    taken = study.post(
        "/trials/record", {"params": {"dropout": 0.1 * 3, "learning_rate": 0.1 * (1 + 2e-16)}, "value": 1}
    )
    assert taken.status_code == 201
    assert taken.json()["params"] == {"dropout": 0.3, "learning_rate": 0.1}
    for params in ({"dropout": 0.31}, {"dropout": 0.15}, {"learning_rate": 0.1000001}, {"learning_rate": 9.9999e-6}):
        assert study.post("/trials/enqueue", {"params": params}).status_code == 422
