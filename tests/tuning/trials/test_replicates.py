"""The last part of the budget goes to training the best configurations again, exactly once each."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.schema.attributes import REPEATS_ATTR
from lrtune.service.tuning.suggesting.suggestion import suggest
from lrtune.service.tuning.trials.replicates import finalists
from lrtune.service.wire.studies import NewStudy
from lrtune.service.wire.trials import Ask, LeasedTrial, NoTrial, Result
from tests.support.tuning import Tuning


def bowl(rate: float) -> float:
    return (rate * 1e3 - 1.0) ** 2 / (rate * 1e3)


async def work(tuning: Tuning, worker: int, luck: dict[int, float], outcome: str = "complete") -> list[int]:
    """Train until there is nothing left; the numbers trained."""
    done: list[int] = []
    while True:
        answer = await tuning.trials.ask("s", Ask(worker=f"w{worker}", request_id=f"{worker}-{len(done)}-{worker}"))
        if isinstance(answer, NoTrial):
            if answer.done:
                return done
            await asyncio.sleep(0)
            continue
        assert isinstance(answer, LeasedTrial)
        done.append(answer.number)
        value = bowl(answer.params["learning_rate"]) + luck.get(answer.number, 0.0)  # type: ignore[operator]
        result = Result.model_validate({"lease": answer.lease, "state": outcome, "value": value})
        await tuning.trials.result("s", answer.number, result)


def trained(tmp_path: Path, workers: int, **spec: Any) -> StudyMirror:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        tuning.create(name="s", sampler={"name": "random"}, pruner={"name": "none"}, **spec)

        async def all_workers() -> None:
            done = await asyncio.gather(*(work(tuning, number, {}) for number in range(workers)))
            numbers = [number for one in done for number in one]
            assert sorted(numbers) == list(range(spec["max_trials"]))

        tuning.run(all_workers())
        tuning.forget("s")
        return tuning.run(tuning.studies.get("s"))


@pytest.mark.parametrize(("workers", "replicates", "max_trials"), [(1, 2, 20), (16, 3, 40), (7, 5, 11)])
def test_each_finalist_is_repeated_so_often_within_the_budget_whatever_the_number_of_workers(
    tmp_path: Path, workers: int, replicates: int, max_trials: int
) -> None:
    study = trained(tmp_path, workers, max_trials=max_trials, replicates=replicates)
    assert len(study.trials) == max_trials
    repeated = Counter(t.system_attrs[REPEATS_ATTR] for t in study.trials if REPEATS_ATTR in t.system_attrs)
    count = min(3, max_trials // (2 * replicates))
    # Where all is out on lease before the first result, there is nothing to repeat yet.
    assert count * replicates - max(0, workers - (max_trials - count * replicates)) <= sum(repeated.values())
    assert sum(repeated.values()) <= count * replicates
    assert max(repeated.values()) <= replicates
    for trial in study.trials:
        repeats = trial.system_attrs.get(REPEATS_ATTR)
        if repeats is not None:
            assert trial.number >= max_trials - count * replicates
            assert trial.params == study.trials[repeats].params
    if workers == 1:
        best = sorted(study.trials[: max_trials - count * replicates], key=lambda t: t.value or 0.0)[:count]
        assert repeated == {trial.number: replicates for trial in best}


def test_without_replicates_no_configuration_is_repeated(tmp_path: Path) -> None:
    study = trained(tmp_path, 3, max_trials=12)
    assert not any(REPEATS_ATTR in trial.system_attrs for trial in study.trials)


def test_the_suggestion_uses_the_means_of_repeated_configurations(tmp_path: Path) -> None:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        space = {"num_layers": {"type": "int", "low": 1, "high": 10**6}}
        tuning.create(
            name="s",
            search_space=space,
            max_trials=6,
            replicates=1,
            sampler={"name": "random"},
            pruner={"name": "none"},
        )
        values = [1.0, 5.0, 2.0, 9.0, 1.5, 3.0]  # Trial 0 was lucky: again it gets 9, trial 2 gets 1.5.

        async def train() -> None:
            for number, value in enumerate(values):
                leased = await tuning.trials.ask("s", Ask(worker="w", request_id=str(number)))
                assert isinstance(leased, LeasedTrial)
                body = Result.model_validate({"lease": leased.lease, "state": "complete", "value": value})
                await tuning.trials.result("s", number, body)

        tuning.run(train())
        study = tuning.run(tuning.studies.get("s"))
        repeats = [trial.system_attrs.get(REPEATS_ATTR) for trial in study.trials]
        assert repeats[:3] == [None] * 3
        assert sorted(number for number in repeats[3:] if number is not None) == [0, 1, 2]
        by_mean = {one.number: (one.loss, one.trainings) for one in finalists(study)}
        assert by_mean[0] == (5.0, 2)
        found = suggest(study)
        assert found.params == study.trials[2].params
        assert found.expected_value == by_mean[2][0]
        assert "mean of 2 trainings" in found.explanation


@pytest.mark.parametrize("fields", [{"replicates": 3}, {"replicates": 3, "max_trials": 5}, {"replicates": -1}])
def test_replicates_need_a_budget_that_holds_them(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="replicates"):
        NewStudy.model_validate({"name": "s", **fields})
