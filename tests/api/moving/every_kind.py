"""A study with a trial of every kind, made as workers and Optuna scripts make them."""

from typing import Any

import optuna
from starlette.testclient import TestClient

from tests.api.calls import SPACE, Json, StudyCalls
from tests.api.conftest import create

LOSSES = [2.0 - 0.05 * n if n < 22 else 2.0 + (n - 22) ** 2 for n in range(30)]
RATES = [1e-5 * 1.5**n for n in range(30)]
LONG = 2_500


def every_kind(client: TestClient, name: str = "every-kind", **spec: Any) -> StudyCalls:
    """Nothing of it is on lease at the end."""
    study = create(
        client,
        name=name,
        description="Ünïcode, 'quotes' and \\ \t tabs",
        search_space=SPACE | {"odd": {"type": "categorical", "choices": ["a", None, True, 3, 0.5]}},
        sampler={"name": "random", "seed": 7},
        pruner={"name": "none"},
        max_trials=40,
        max_steps=LONG,
        max_attempts=3,
        tags={"optimizer": "adamw", "family": "cnn"},
        replicates=2,
        **spec,
    )
    for state in ("complete", "complete", "pruned", "diverged", "failed"):
        trial = study.lease()
        study.verdict(trial, (1, 2.0), (2, 1 / 3 + trial["number"]), (3, "nan" if state == "diverged" else 5e-324))
        more: Json = {"error": "ValueError: NUL \0 and more"} if state == "failed" else {}
        more |= {"standard_error": 0.125} if state == "complete" else {}
        study.finish(trial, state, **more)
    _recorded(study)
    _given_back(study)
    _leased_twice(study)
    study.post("/trials/enqueue", {"params": {"learning_rate": 0.012345678901234567}, "request_id": "enqueued"})
    body = {"learning_rates": RATES, "losses": [*LOSSES[:-1], "inf"], "batch_size": 64, "request_id": "range"}
    assert study.post("/range-tests", body).status_code == 201
    study.patch(max_trials=50, description="changed since", prior="none")
    return study


def _recorded(study: StudyCalls) -> None:
    """One with a long curve, whose reports came backwards."""
    reports = [{"step": step, "value": "-inf" if step == 17 else 1 / step} for step in range(LONG, 0, -1)]
    params = {"learning_rate": 1e-3, "batch_size": 32, "optimizer": "adamw", "num_layers": 2, "odd": None}
    body = {"params": params, "state": "pruned", "reports": reports, "request_id": "recorded"}
    assert study.post("/trials/record", body).status_code == 201


def _given_back(study: StudyCalls) -> None:
    """One that waits with a checkpoint, and with reports past it."""
    trial = study.lease(resumable=True)
    study.verdict(trial, (1, 2.0), (2, 1.5), (3, 1.4), checkpoint={"uri": "file:///c", "step": 2})
    assert study.release(trial).status_code == 200


def _leased_twice(study: StudyCalls) -> None:
    """The same, leased again, so that a report was put away; and broken off once more."""
    trial = study.lease(resumable=True)
    assert trial["resume"] == {"uri": "file:///c", "step": 2}
    study.verdict(trial, (3, 1.3))
    assert study.release(trial, error="CUDA error").status_code == 200


def touched_by_optuna(url: str, name: str) -> None:
    """What a script on the database itself leaves in a study: attributes, a trial of its own."""
    study = optuna.load_study(study_name=name, storage=url)
    study.set_user_attr("note", {"text": "é\n\\.", "nothing": None, "nan": float("nan")})
    made = optuna.trial.create_trial(
        params={"learning_rate": 3.0},
        distributions={"learning_rate": optuna.distributions.FloatDistribution(1e-7, 5.0, log=True)},
        user_attrs={"by": ["a script"]},
        intermediate_values={1: 0.5, 0: float("inf")},
        value=0.25,
    )
    study.add_trial(made)
