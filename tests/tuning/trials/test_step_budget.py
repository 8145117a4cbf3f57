"""`max_total_steps` counts the steps of all trainings, lost ones too, and is never exceeded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings

from lrtune.service.tuning.state.budget import state_of
from lrtune.service.wire.trials import Ask, Checkpoint, LeasedTrial, NoTrial, Release, Report, Reports, Result
from tests.support.tuning import Tuning
from tests.tuning.trials.lease_machine import LeaseMachine
from tests.tuning.trials.test_lease_machine import PausingMachine

STEPS = 10


class TightMachine(LeaseMachine):
    """Any order of events, where the steps do not suffice for what is lost."""

    total: ClassVar[int | None] = 13
    most: ClassVar[int] = 6


TightMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestTightBudget = TightMachine.TestCase


class TightPausingMachine(PausingMachine):
    """The same where trials are paused and promoted."""

    total: ClassVar[int | None] = 13
    most: ClassVar[int] = 6


TightPausingMachine.TestCase.settings = TightMachine.TestCase.settings
TestTightPausing = TightPausingMachine.TestCase


class Bench(Tuning):
    """A study of trainings of ten steps, and workers that die and go on."""

    asked = trained = 0

    def study_of(self, total: int, **spec: Any) -> None:
        plain = {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "max_attempts": 5}
        self.create(name="s", max_steps=STEPS, max_total_steps=total, lease_ttl_seconds=60, **{**plain, **spec})

    def ask(self) -> LeasedTrial | NoTrial:
        self.asked += 1
        return self.run(self.trials.ask("s", Ask(worker="w", request_id=str(self.asked))))

    def lease(self) -> LeasedTrial:
        reply = self.ask()
        assert isinstance(reply, LeasedTrial), reply
        return reply

    def train(self, leased: LeasedTrial, upto: int, checkpoint: int | None = None) -> str:
        """Train a lease on from where it resumes; the last verdict."""
        said = "continue"
        for step in range((leased.resume.step if leased.resume else 0) + 1, upto + 1):
            self.trained += 1
            kept = None if step != checkpoint else Checkpoint(uri="file:///c", step=step)
            body = Reports(lease=leased.lease, reports=[Report(step=step, value=1 / step)], checkpoint=kept)
            said = self.run(self.trials.report("s", leased.number, body)).verdict
        return said

    def all_die(self) -> None:
        self.clock.advance(61)
        self.trials.expire()

    def complete(self, leased: LeasedTrial) -> None:
        self.run(self.trials.result("s", leased.number, Result(lease=leased.lease, state="complete", value=0.5)))

    def outcomes(self) -> list[str]:
        return [trial.outcome for trial in self.run(self.studies.get("s")).trials]

    def finish(self) -> NoTrial:
        """Train whatever is handed out to its end, one after the other."""
        while isinstance(reply := self.ask(), LeasedTrial):
            assert self.train(reply, STEPS) == "continue", "who is given a trial is given all of its steps"
            self.complete(reply)
        return reply


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(f"sqlite:///{tmp_path}/lrtune.db") as made:
        yield made


@pytest.mark.parametrize("total", [40, 41, 49, 50, 64])
@pytest.mark.parametrize("lost_at", [1, 6, 9])
def test_with_lost_attempts_the_steps_of_the_budget_are_never_exceeded_and_some_trial_completes(
    bench: Bench, total: int, lost_at: int
) -> None:
    bench.study_of(total)
    for leased in [bench.lease() for _ in range(total // STEPS)]:
        bench.train(leased, lost_at)
    bench.all_die()
    reply = bench.finish()
    assert reply.done
    assert reply.reason == "max_total_steps"
    complete = bench.outcomes().count("complete")
    assert complete == (total - lost_at * (total // STEPS)) // STEPS
    assert set(bench.outcomes()) <= {"complete", "failed"}
    study = bench.run(bench.studies.get("s"))
    assert study.tally.trained == bench.trained <= total


def test_a_retried_trial_needs_the_steps_past_its_checkpoint_only(bench: Bench) -> None:
    bench.study_of(2 * STEPS)
    first, second = bench.lease(), bench.lease()
    bench.train(first, 9, checkpoint=8)
    bench.train(second, 5)
    bench.all_die()
    assert bench.finish().reason == "max_total_steps"
    assert bench.outcomes() == ["complete", "failed"], "2 of the 6 steps left are for the first; the second needs 10"
    study = bench.run(bench.studies.get("s"))
    assert study.tally.trained == bench.trained == 16
    error = study.trials[1].work.error  # type: ignore[union-attr]
    assert "max_total_steps has 4 of 20 left" in str(error)
    assert "did not renew the lease" in str(error)


def test_who_asks_while_others_may_leave_steps_waits_and_gets_the_trial_then(bench: Bench) -> None:
    bench.study_of(2 * STEPS)
    first, second = bench.lease(), bench.lease()
    bench.train(first, 3)
    bench.run(bench.trials.release("s", first.number, Release(lease=first.lease)))
    waits = bench.ask()
    assert isinstance(waits, NoTrial)
    assert not waits.done
    bench.train(second, 2)
    failed = Result(lease=second.lease, state="failed", error="out of memory")
    bench.run(bench.trials.result("s", second.number, failed))
    again = bench.lease()
    assert again.number == first.number
    assert bench.train(again, STEPS) == "continue"
    bench.complete(again)
    assert bench.finish().done
    assert bench.trained == 15


@pytest.mark.parametrize(("total", "verdict"), [(16, "continue"), (15, "stop")])
def test_a_retry_that_cannot_read_its_checkpoint_counts_from_its_start_and_stops_where_its_steps_are_not_left(
    bench: Bench, total: int, verdict: str
) -> None:
    bench.study_of(total)
    bench.train(bench.lease(), 6, checkpoint=6)
    bench.all_die()
    again = bench.lease()
    assert again.resume is not None
    blind = again.model_copy(update={"resume": None})
    assert bench.train(blind, 1) == verdict
    study = bench.run(bench.studies.get("s"))
    assert sorted(study.trials[0].intermediate) == [1]
    assert study.tally.trained == bench.trained == 7
    bench.all_die()
    assert bench.finish().reason == "max_total_steps"
    assert bench.outcomes() == ["failed" if verdict == "continue" else "pruned"]


def test_the_budget_counts_the_same_after_a_restart(bench: Bench) -> None:
    bench.study_of(50)
    first = bench.lease()
    bench.train(first, 9, checkpoint=4)
    bench.all_die()
    second = bench.lease()
    assert second.resume is not None
    bench.all_die()
    third = bench.lease()
    bench.train(third, 6)
    before = bench.run(bench.studies.get("s"))
    bench.run(bench.studies.settled(before))
    bench.forget("s")
    after = bench.run(bench.studies.get("s"))
    assert after is not before
    assert (after.tally.trained, after.tally.reserved, after.tally.awaited) == (11, 4, 0)
    assert after.tally == before.tally
    assert bench.trained == 11


def test_a_study_whose_waiting_trials_cannot_be_paid_for_is_finished(bench: Bench) -> None:
    bench.study_of(STEPS)
    bench.train(bench.lease(), 1)
    bench.all_die()
    assert state_of(bench.run(bench.studies.get("s"))) == "finished"
    assert bench.finish().done
    assert bench.outcomes() == ["failed"]
