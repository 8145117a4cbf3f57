import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from lrtune.service.tuning.history.plateau import Point, plateau
from lrtune.service.tuning.suggesting.suggestion import latest, prepare, suggest
from lrtune.service.wire.studies import StudyPatch, Suggestion
from lrtune.service.wire.trials import Record
from tests.support.tuning import Tuning


def suggestion_after(tmp_path: Path, records: list[dict[str, Any]], **spec: Any) -> Suggestion:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        tuning.create(name="s", **spec)
        for record in records:
            tuning.run(tuning.trials.record("s", Record.model_validate(record)))
        return suggest(tuning.run(tuning.studies.get("s")))


@pytest.mark.parametrize(
    ("spec", "rate"),
    [
        ({}, 1e-3),
        ({"tags": {"optimizer": "adamw"}}, 1e-3),
        ({"tags": {"optimizer": "SGD"}}, 1e-2),
        ({"tags": {"optimizer": "momentum"}}, 1e-2),
        (
            {
                "search_space": {
                    "learning_rate": {"type": "float", "low": 0.1, "high": 1.0, "log": True},
                    "optimizer": {"type": "categorical", "choices": ["adam", "sgd"]},
                }
            },
            0.1,
        ),
    ],
)
def test_before_any_evidence_the_prior_of_the_optimizer_answers_cut_to_the_bounds(
    tmp_path: Path, spec: dict[str, Any], rate: float
) -> None:
    found = suggestion_after(tmp_path, [], **spec)
    assert found.basis == "prior"
    assert found.learning_rate == rate
    assert found.interval is not None
    assert found.interval[0] <= rate <= found.interval[1]
    assert found.params["learning_rate"] == rate
    assert found.trials == 0


def test_from_a_handful_of_trials_on_the_plateau_is_suggested_with_an_interval_and_a_reason(tmp_path: Path) -> None:
    losses = {1e-5: 2.3, 1e-4: 1.5, 1e-3: 0.31, 3e-3: 0.30, 1e-2: 0.32, 1e-1: 1.2}
    records = [{"params": {"learning_rate": rate}, "value": loss} for rate, loss in losses.items()]
    records.append({"params": {"learning_rate": 0.9}, "state": "diverged"})
    found = suggestion_after(tmp_path, records)
    assert found.basis == "posterior"
    assert found.learning_rate is not None
    assert 1e-3 < found.learning_rate < 1e-2
    assert found.params == {"learning_rate": found.learning_rate}
    assert found.expected_value == pytest.approx(0.30, abs=0.03)
    assert found.trials == 7
    assert found.interval is not None
    low, high = found.interval
    assert 1e-4 < low <= 3e-3
    assert 3e-3 <= high < 1e-1
    assert found.max_stable_learning_rate is not None
    assert 0.1 < found.max_stable_learning_rate < 0.9
    assert "Trial 3 has the best loss" in found.explanation
    assert "1 run diverged" in found.explanation
    assert found.warnings == []


def test_with_few_trials_the_best_is_suggested_with_the_plateau_around_it(tmp_path: Path) -> None:
    losses = {1e-4: 1.5, 3e-3: 0.30, 1e-1: 1.2}
    records = [{"params": {"learning_rate": rate}, "value": loss} for rate, loss in losses.items()]
    found = suggestion_after(tmp_path, records)
    assert (found.basis, found.learning_rate, found.expected_value) == ("best_trial", 3e-3, 0.30)
    assert found.interval == (pytest.approx(math.sqrt(1e-4 * 3e-3)), pytest.approx(math.sqrt(3e-3 * 1e-1)))
    assert "No answer yet: that takes 4 complete trials, and there are 3. Trial 1 has" in found.explanation


def bowl(rate: float, best: float) -> float:
    return 1.0 + math.log10(rate / best) ** 2


@pytest.mark.parametrize(
    ("best", "end", "bound", "way"), [(1e-9, "lower", "1e-06", "lower"), (1e3, "upper", "1", "higher")]
)
def test_a_best_rate_at_a_bound_comes_with_the_warning_to_widen_it(
    tmp_path: Path, best: float, end: str, bound: str, way: str
) -> None:
    rates = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    found = suggestion_after(tmp_path, [{"params": {"learning_rate": r}, "value": bowl(r, best)} for r in rates])
    assert found.warnings == [
        f"The best learning_rate is at its {end} bound, {bound}: search {way} ones, too, in a new study."
    ]
    assert found.warnings[0] in found.explanation


def test_trials_that_are_all_alike_are_no_answer_yet(tmp_path: Path) -> None:
    rates = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    found = suggestion_after(tmp_path, [{"params": {"learning_rate": rate}, "value": 0.7} for rate in rates])
    assert (found.basis, found.learning_rate, found.trials) == ("prior", 1e-3, 5)
    assert "No answer yet: all 5 complete trials have the same loss, 0.7." in found.explanation


def test_where_hardly_anything_was_tried_the_interval_is_wide_and_says_so(tmp_path: Path) -> None:
    losses = {1e-3: 1.0, 1.1e-3: 0.9, 1.2e-3: 1.1, 1.3e-3: 1.0}
    found = suggestion_after(tmp_path, [{"params": {"learning_rate": r}, "value": v} for r, v in losses.items()])
    assert found.interval is not None
    assert math.log10(found.interval[1] / found.interval[0]) > 0.6 * 6
    assert found.warnings == [
        "No clear answer yet: the interval takes in most of what is searched of learning_rate; more trials narrow it.",
    ]


def test_the_answer_is_beside_the_best_other_parameters(tmp_path: Path) -> None:
    space = {
        "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
    }
    records = [
        {"params": {"learning_rate": rate, "optimizer": name}, "value": bowl(rate, best) + worse}
        for name, best, worse in (("sgd", 1e-1, 0.5), ("adamw", 1e-3, 0.0))
        for rate in (3e-5, 1e-4, 1e-3, 1e-2, 1e-1, 0.5)
    ]
    found = suggestion_after(tmp_path, records, search_space=space)
    assert found.params["optimizer"] == "adamw"
    assert found.learning_rate == pytest.approx(1e-3, rel=1.5)
    assert "That holds with optimizer=adamw." in found.explanation


def test_where_more_is_better_the_largest_value_is_suggested(tmp_path: Path) -> None:
    records = [{"params": {"learning_rate": r}, "value": v} for r, v in ((1e-3, 0.7), (1e-2, 0.9), (1e-1, 0.2))]
    found = suggestion_after(tmp_path, records, direction="maximize", metric="accuracy")
    assert (found.learning_rate, found.expected_value) == (1e-2, 0.9)


def test_a_study_without_a_learning_rate_still_gets_its_best_parameters(tmp_path: Path) -> None:
    space = {"max_depth": {"type": "int", "low": 1, "high": 10}}
    records = [{"params": {"max_depth": depth}, "value": abs(depth - 4)} for depth in (2, 4, 7)]
    found = suggestion_after(tmp_path, records, search_space=space)
    assert found.learning_rate is None
    assert found.interval is None
    assert found.params == {"max_depth": 4}


def test_nothing_speaks_against_the_bounds_where_no_worse_neighbour_was_tried() -> None:
    assert plateau([Point(1e-3, 0.5)], 1e-3, 1e-6, 1.0) == (1e-6, 1.0)


def test_one_unlucky_rate_between_two_good_ones_does_not_end_the_plateau() -> None:
    points = [Point(r, loss) for r, loss in ((1e-4, 9), (1e-3, 1.0), (2e-3, 5), (4e-3, 1.1), (1e-1, 9), (1.0, 9))]
    low, high = plateau(points, 1e-3, 1e-6, 10.0)
    assert high == pytest.approx(math.sqrt(4e-3 * 1e-1))
    assert low == pytest.approx(math.sqrt(1e-4 * 1e-3))


def test_a_rate_on_the_edge_of_divergence_is_not_suggested_where_a_safe_one_comes_near(tmp_path: Path) -> None:
    losses = {1e-5: 2.3, 3e-5: 2.2, 1e-4: 2.0, 1e-3: 1.0, 1e-2: 0.52, 3e-2: 0.505, 0.3: 0.5}
    records: list[dict[str, Any]] = [{"params": {"learning_rate": r}, "value": v} for r, v in losses.items()]
    records += [{"params": {"learning_rate": r}, "state": "diverged"} for r in (0.2, 0.25, 0.31, 0.5)]
    found = suggestion_after(tmp_path, records)
    assert found.learning_rate is not None
    assert found.max_stable_learning_rate is not None
    assert 1e-3 < found.learning_rate < found.max_stable_learning_rate < 0.2
    assert "safe from diverging" in found.explanation


def mirrored(tmp_path: Path, direction: str) -> Suggestion:
    sign = 1 if direction == "minimize" else -1
    rates = [1e-5, 1e-4, 3e-4, 2e-3, 1e-2, 1e-1]
    records = [{"params": {"learning_rate": r}, "value": sign * bowl(r, 1e-3)} for r in rates]
    records.append({"params": {"learning_rate": 0.9}, "state": "diverged"})
    (tmp_path / direction).mkdir()
    return suggestion_after(tmp_path / direction, records, direction=direction)


def test_maximizing_minus_the_loss_gives_the_same_rate_and_minus_the_value(tmp_path: Path) -> None:
    least, most = mirrored(tmp_path, "minimize"), mirrored(tmp_path, "maximize")
    assert least.basis == most.basis == "posterior"
    assert (least.learning_rate, least.interval) == (most.learning_rate, most.interval)
    assert least.expected_value == pytest.approx(-(most.expected_value or 0.0))


def test_the_suggestion_under_way_serves_all_who_wait_and_knows_of_every_trial_before_it(tmp_path: Path) -> None:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        tuning.create(name="s")
        study = tuning.run(tuning.studies.get("s"))

        async def look_while_trials_end() -> list[int]:
            seen = []
            for number in range(12):
                rate = 10.0 ** (-6 + number / 2)
                record = Record.model_validate({"params": {"learning_rate": rate}, "value": bowl(rate, 1e-3)})
                await tuning.trials.record("s", record)
                await asyncio.gather(*(prepare(tuning.engine, study) for _ in range(3)))
                seen.append(latest(study).trials)
            return seen

        assert tuning.run(look_while_trials_end()) == list(range(1, 13))
        assert latest(study) == suggest(study)


def test_a_reader_who_may_be_behind_gets_the_kept_suggestion_until_one_trial_in_a_hundred_is_new(
    tmp_path: Path,
) -> None:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        tuning.create(name="s")
        study = tuning.run(tuning.studies.get("s"))

        async def shown_after(count: int, behind: float) -> int:
            for number in range(count):
                rate = 10.0 ** (-6 + number % 7)
                record = Record.model_validate({"params": {"learning_rate": min(rate, 1.0)}, "value": number % 5})
                await tuning.trials.record("s", record)
            await prepare(tuning.engine, study, behind=behind)
            return latest(study).trials

        assert tuning.run(shown_after(99, 0.01)) == 99
        assert tuning.run(shown_after(1, 0.01)) == 100
        assert tuning.run(shown_after(1, 0.01)) == 100
        assert tuning.run(shown_after(0, 0.0)) == 101
        assert tuning.run(shown_after(2, 0.01)) == 103


def test_a_prior_that_is_chosen_while_a_suggestion_is_worked_out_is_in_the_next_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(work: Any, *arguments: Any) -> Any:
        result = work(*arguments)
        begun.set()
        await go_on.wait()
        return result

    async def scenario(tuning: Tuning) -> Suggestion:
        study = await tuning.studies.get("s")
        first = asyncio.create_task(prepare(tuning.engine, study))
        await begun.wait()
        await tuning.studies.patch(
            "s", StudyPatch.model_validate({"prior": {"learning_rate": {"median": 0.5, "spread_decades": 0.5}}})
        )
        second = asyncio.create_task(prepare(tuning.engine, study))
        go_on.set()
        await first
        await second
        return latest(study)

    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        tuning.create(name="s")
        monkeypatch.setattr("lrtune.service.tuning.suggesting.suggestion.asyncio.to_thread", slowly)
        assert tuning.run(scenario(tuning)).learning_rate == 0.5
