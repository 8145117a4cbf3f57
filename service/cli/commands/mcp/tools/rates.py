"""Learning rates: what to train with, what a range test says, schedules, other batch sizes."""

import dataclasses
from typing import Annotated, Any

from pydantic import Field, model_validator

from lrtune.service.cli.commands.mcp.tools.base import ADDS, READS, Answer, Tool
from lrtune.service.cli.commands.mcp.worker import AgentWorker
from lrtune.service.rates.range_test.analysis import analyse, combine
from lrtune.service.rates.scaling import scale
from lrtune.service.rates.schedules import preview, read_schedule
from lrtune.service.wire.base import WHOLE, Body, Reply, StudyName
from lrtune.service.wire.range_tests import RangeTestBody, RangeTestFindings
from lrtune.service.wire.scaling import ScalingBody, ScalingReply
from lrtune.service.wire.schedules.base import Rate
from lrtune.service.wire.studies import Suggestion


class Suggest(Body):
    """A study, or what is trained where there is none."""

    study: StudyName | None = None
    optimizer: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """Without a study: adamw, sgd, …"""
    batch_size: Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE] | None = None
    total_steps: Annotated[int, Field(ge=1, le=10**12), WHOLE] | None = None
    family: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """What kind of model it is: cnn, transformer, …"""

    @model_validator(mode="after")
    def _one_of_both(self) -> "Suggest":
        others = [name for name in ("optimizer", "batch_size", "total_steps", "family") if getattr(self, name)]
        if self.study is not None and others:
            raise ValueError(f"study says what is trained: leave {', '.join(others)} out, or the study")
        return self


class AnalyseRangeTest(RangeTestBody):
    """A range test that was run."""

    study: StudyName | None = None
    """Keep it with this study, whose suggestion rests on it until a trial is complete."""
    optimizer: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """What was tested, where the study searches optimizers."""


class PreviewSchedule(Body):
    """A schedule, and the training it is for."""

    schedule: str | dict[str, Any]
    """Its name (constant, step, cosine, wsd, one_cycle, …), or its JSON: {"name": "cosine", "warmup_steps": 100}."""
    base_learning_rate: Rate
    total_steps: Annotated[int, Field(ge=1, le=10**12), WHOLE]
    """Optimizer steps of the training."""
    points: Annotated[int, Field(ge=2, le=1000), WHOLE] = 11
    """So many steps are answered, evenly spread, the first and the last included."""
    picture: bool = False
    """Draw it, too."""


class PreviewedSchedule(Reply):
    """The learning rates that a training would have."""

    schedule: dict[str, Any]
    """As it was understood."""
    steps: list[int]
    learning_rates: list[float]


def _suggest(worker: AgentWorker, given: Suggest) -> Suggestion:
    if given.study is not None:
        return worker.client.suggestion(given.study)
    return worker.client.suggest(**given.model_dump(exclude={"study"}))


def _range_test(worker: AgentWorker, given: AnalyseRangeTest) -> RangeTestFindings:
    if given.study is not None:
        kept = worker.client.add_range_test(
            given.study,
            given.learning_rates,
            given.of_seeds,
            optimizer=given.optimizer,
            batch_size=given.batch_size,
        )
        return RangeTestFindings.model_validate(kept.model_dump())
    tests = [
        analyse(given.learning_rates[: len(losses)], losses, smoothing=given.smoothing) for losses in given.of_seeds
    ]
    found = combine(tests)
    return RangeTestFindings.model_validate({name: getattr(found, name) for name in RangeTestFindings.model_fields})


def _preview(_worker: AgentWorker, given: PreviewSchedule) -> Answer:
    schedule = read_schedule(given.schedule)
    rate, steps = given.base_learning_rate, given.total_steps
    found = preview(schedule, base_learning_rate=rate, total_steps=steps, points=given.points)
    said = PreviewedSchedule(
        schedule=schedule.model_dump(mode="json", exclude_none=True),
        steps=list(found.steps),
        learning_rates=list(found.learning_rates),
    )
    return Answer(said, (_drawn(given),) if given.picture else ())


def _drawn(given: PreviewSchedule) -> bytes:
    from lrtune.trainers.client.pictures.schedules import schedule_picture

    return schedule_picture(
        given.schedule, base_learning_rate=given.base_learning_rate, total_steps=given.total_steps
    ).png()


def _scale(_worker: AgentWorker, given: ScalingBody) -> ScalingReply:
    return ScalingReply.model_validate(dataclasses.asdict(scale(**given.model_dump())))


RATES = (
    Tool(
        "suggest",
        "What to train with: a learning rate with its interval and the other parameters, on all that is known of a "
        "study; without one, by what past studies found and what is usual. Spends nothing.",
        Suggest,
        Suggestion,
        READS,
        _suggest,
    ),
    Tool(
        "range_test",
        "Reads a learning-rate range test: one training whose rate rose step by step (1e-7 to 10 in 100 steps, say), "
        "from the rates and the losses. With a study it is kept there. Spends nothing.",
        AnalyseRangeTest,
        RangeTestFindings,
        ADDS,
        _range_test,
    ),
    Tool(
        "schedule_preview",
        "The learning rates that a schedule would give a training. Spends nothing.",
        PreviewSchedule,
        PreviewedSchedule,
        READS,
        _preview,
    ),
    Tool(
        "scale",
        "Moves a learning rate to another batch size or length of training, with the rule, its reason and its limits. "
        "Spends nothing.",
        ScalingBody,
        ScalingReply,
        READS,
        _scale,
    ),
)
