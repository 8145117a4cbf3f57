"""The demo's parts; the whole of it runs in test_demo.py."""

import io
import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from lrtune.service.cli.demo.retrain import Retrained, retrain, verdict
from lrtune.service.cli.demo.view import View, progress_line
from lrtune.service.wire.studies import StudyStatus
from lrtune.service.wire.trials import Trial
from tests.fake_service import STATUS

STATUS_NOW = StudyStatus.model_validate(STATUS)
RUNNING = Trial.model_validate(
    {
        **{"number": 24, "state": "running", "params": {"learning_rate": 0.02}, "value": None, "attempt": 1},
        **{"worker": "host-[1]:7", "step": 3, "max_steps": 20, "checkpoint": None, "error": None},
        **{"started_at": None, "finished_at": None, "duration_seconds": None},
    }
)


def fit(params: Mapping[str, Any], epochs: int, seed: int) -> float:
    """Best at 0.003; seeds differ a little."""
    return abs(math.log10(params["learning_rate"] / 0.003)) + seed % 10 / 100


def test_the_suggestion_is_retrained_beside_the_usual_rates_on_the_same_seeds() -> None:
    results = retrain({"batch_size": 32}, 0.0031, fit, epochs=20)
    assert [result.learning_rate for result in results] == [0.0031, 1e-2, 1e-3]
    assert all(len(result.losses) == 3 for result in results)
    assert results[0].row()[2] == "0.0342 ± 0.0100"
    assert verdict(results) == "The suggestion does at least as well as each of them."


def test_a_suggestion_that_does_worse_is_called_so() -> None:
    results = retrain({}, 0.5, fit, epochs=20)
    assert "does worse than usual 0.01 and usual 0.001: give it more trials" in verdict(results)


def _breaks_down(params: Mapping[str, Any], epochs: int, seed: int) -> float:
    return math.nan if seed == 1002 else 1.0


def test_a_diverged_retraining_is_the_worst_and_breaks_nothing() -> None:
    results = retrain({}, 0.5, _breaks_down, epochs=20)
    assert results[0].row()[2] == "nan ± nan"
    usual = [Retrained("usual 0.01", 0.01, (1.0, 1.0, 1.0))]
    assert "does worse than usual 0.01" in verdict([results[0], *usual])
    assert "at least as well" in verdict([*usual, results[0]])


def test_progress_is_one_line_where_there_is_no_terminal() -> None:
    assert progress_line(24, STATUS_NOW) == (
        "24/24 trials: 20 complete, 3 pruned, 1 diverged, 1 running; best loss 0.031; "
        "suggested learning_rate 0.00312; 2 workers"
    )


def test_a_line_is_printed_only_when_a_trial_has_ended() -> None:
    out = io.StringIO()
    with View(Console(file=out, width=200), "Tuning", 24) as view:
        view.show(STATUS_NOW, [])
        view.show(STATUS_NOW, [])
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


def test_a_terminal_shows_outcomes_best_suggestion_and_workers() -> None:
    out = io.StringIO()
    with View(Console(file=out, width=100, force_terminal=True, color_system=None), "Tuning", 25) as view:
        view.show(STATUS_NOW, [RUNNING])
    for words in ("24 of 25 trials", "20 complete", "1 diverged", "0.031", "0.00312", "host-[1]:7", "3/20"):
        assert words in out.getvalue()
