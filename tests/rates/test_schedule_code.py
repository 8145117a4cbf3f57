"""The code that is shown for a schedule is run, and gives the rates of the preview."""

import sys
import warnings
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lrtune.service.rates.schedules import preview, read_schedule
from lrtune.service.rates.schedules.code import optax_code, torch_code
from tests.support import optax_formulas

STEPS = 120
RATE = 0.3
WARM = {"warmup_steps": 10}

PLAIN: list[dict[str, Any]] = [
    {"name": "constant"},
    {"name": "constant", "lr": 0.01, **WARM},
    {"name": "step"},
    {"name": "step", "decay_steps": 7, "gamma": 0.5, **WARM},
    {"name": "multistep", "milestones": [3, 50, 90], "gamma": 0.2},
    {"name": "multistep", **WARM},
    {"name": "exponential"},
    {"name": "exponential", "gamma": 0.5, "decay_steps": 11, **WARM},
    {"name": "exponential", "gamma": 0.5, "decay_steps": 11, "staircase": True},
    {"name": "exponential", "k": 0.03},
    {"name": "polynomial", "power": 2.5},
    {"name": "polynomial", "power": 2.0, "decay_steps": 60, **WARM},
    {"name": "linear"},
    {"name": "linear", "min_lr": 0.01, "decay_steps": 40},
    {"name": "cosine"},
    {"name": "cosine", "min_lr_factor": 0.1, **WARM},
    {"name": "cosine_restarts"},
    {"name": "cosine_restarts", "decay_steps": 9, "multiplier": 2, "min_lr": 0.001, **WARM},
    {"name": "cyclical"},
    {"name": "cyclical", "step_size_up": 5, "step_size_down": 20, "mode": "triangular2"},
    {"name": "cyclical", "mode": "exp_range"},
    {"name": "one_cycle"},
    {"name": "one_cycle", "three_phase": True, "anneal": "linear", "pct_start": 0.2},
    {"name": "wsd", "decay": "linear"},
    {"name": "wsd", "decay": "cosine", "warmup_steps": 0},
    {"name": "default"},
    {"name": "warmup", "steps": 12, "start_factor": 0.5, "then": {"name": "cosine"}},
    {"name": "join", "milestones": [40, 80], "schedules": ["constant", "linear", {"name": "step", "decay_steps": 9}]},
]
"""Torch has schedulers of its own for these."""

OURS: list[dict[str, Any]] = [
    {"name": "inverse_time"},
    {"name": "inverse_sqrt", **WARM},
    {"name": "polynomial", "min_lr": 0.01, "power": 2.0},
    {"name": "cosine", "decay_steps": 60},
    {"name": "cosine", "warmup_steps": 10, "warmup_kind": "cosine"},
    {"name": "cosine_restarts", "gamma": 0.5},
    {"name": "cosine_restarts", "num_cycles": 2, "multiplier": 3, "gamma": 0.7},
    {"name": "cyclical", **WARM},
    {"name": "one_cycle", **WARM},
    {"name": "one_cycle", "total_steps": 60},
    {"name": "one_cycle", "pct_start": 0.0},
    {"name": "wsd"},
    {"name": "join", "milestones": [40], "schedules": [{"name": "constant", "lr": 0.1}, {"name": "cosine"}]},
]
"""And not for these."""


def _previewed(form: dict[str, Any]) -> list[float]:
    found = preview(read_schedule(form), base_learning_rate=RATE, total_steps=STEPS)
    return list(found.learning_rates)


def _by_torch(code: str) -> list[float]:
    names: dict[str, Any] = {"model": torch.nn.Linear(1, 1)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, names)
        optimizer, scheduler = names["optimizer"], names["scheduler"]
        found = [float(optimizer.param_groups[0]["lr"])]
        while len(found) < STEPS:
            optimizer.step()
            scheduler.step()
            found.append(float(optimizer.param_groups[0]["lr"]))
    return found


@pytest.mark.parametrize("form", [*PLAIN, *OURS], ids=str)
def test_the_torch_code_gives_the_rates_of_the_preview(form: dict[str, Any]) -> None:
    code = torch_code(read_schedule(form), base_learning_rate=RATE, total_steps=STEPS)
    assert _by_torch(code) == pytest.approx(_previewed(form), rel=1e-6, abs=0)


def test_torchs_own_schedulers_are_used_where_they_are_the_same() -> None:
    for form in PLAIN:
        code = torch_code(read_schedule(form), base_learning_rate=RATE, total_steps=STEPS)
        assert "torch.optim.lr_scheduler" in code, form
        assert "lrtune" not in code
    for form in OURS:
        assert "from lrtune import ScheduledLR" in torch_code(
            read_schedule(form), base_learning_rate=RATE, total_steps=STEPS
        )


def test_a_plateau_is_torchs_own_and_goes_by_the_metric() -> None:
    read = read_schedule({"name": "plateau", "gamma": 0.5, "patience": 2})
    code = torch_code(read, base_learning_rate=RATE, total_steps=STEPS)
    names: dict[str, Any] = {"model": torch.nn.Linear(1, 1)}
    exec(code, names)
    metrics = [1.0] * 20
    found = []
    for metric in metrics:
        found.append(names["optimizer"].param_groups[0]["lr"])
        names["scheduler"].step(metric)
    expected = preview(read, base_learning_rate=RATE, total_steps=len(metrics), metrics=metrics)
    assert found == pytest.approx(expected.learning_rates, rel=1e-6)
    assert optax_code(read, base_learning_rate=RATE, total_steps=STEPS) is None


def _libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """jax and optax in double precision; where they are not installed, their documented formulas."""
    try:
        import jax
        import optax  # noqa: F401

        jax.config.update("jax_enable_x64", True)
    except ImportError:
        jax_stub, optax_stub = ModuleType("jax"), ModuleType("optax")
        numpy_stub = ModuleType("jax.numpy")
        vars(numpy_stub).update(vars(np))
        vars(jax_stub)["numpy"] = numpy_stub
        vars(optax_stub).update(vars(optax_formulas))
        for name, module in (("jax", jax_stub), ("jax.numpy", numpy_stub), ("optax", optax_stub)):
            monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("form", [*PLAIN, *OURS], ids=str)
def test_the_optax_code_gives_the_rates_of_the_preview(form: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    _libraries(monkeypatch)
    code = optax_code(read_schedule(form), base_learning_rate=RATE, total_steps=STEPS)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code, names)
    found = [float(names["schedule"](step)) for step in range(STEPS)]
    assert found == pytest.approx(_previewed(form), rel=1e-6, abs=1e-15)
    assert isinstance(names["optimizer"], SimpleNamespace) or hasattr(names["optimizer"], "update")
