"""Studies: which there are, a new one, where one stands, holding it up and ending it."""

from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from lrtune.service.cli.commands.mcp.tools.base import ADDS, READS, SETS, SPENDS, Tool
from lrtune.service.cli.commands.mcp.worker import AgentWorker
from lrtune.service.sentences.study import for_agent
from lrtune.service.wire.base import WHOLE, Body, Finite, Interval, Reply, StudyName
from lrtune.service.wire.studies import BestTrial, Budget, StepCounts, Study, StudyState, TrialCounts

_EXAMPLE = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
    "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
    "num_layers": {"type": "int", "low": 1, "high": 6},
    "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"batch_size": [32, 64]}},
}
Space = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "object"}, "examples": [_EXAMPLE]}),
]
"""Read by the service, which says what is wrong with it."""
Method = Annotated[str, Field(min_length=1, max_length=100)]


class OneStudy(Body):
    """A study, by its name."""

    study: StudyName


class ListStudies(Body):
    """How many to list."""

    limit: Annotated[int, Field(ge=1, le=200), WHOLE] = 50


class ListedStudy(Reply):
    """A study in a few words."""

    name: str
    state: StudyState
    metric: str
    direction: Literal["minimize", "maximize"]
    trials: int
    max_trials: int | None
    max_steps: int | None
    """The length of a full training."""


class ListedStudies(Reply):
    """Studies, by name."""

    studies: list[ListedStudy]
    more: bool
    """There are others after these."""


class CreateStudy(Body):
    """A new study."""

    study: StudyName
    max_trials: Budget
    """Trainings at the most, exactly: what the search may spend."""
    max_steps: Budget | None = None
    """The length of a full training, in what is reported by: epochs, say. With it hopeless trainings end early."""
    search_space: Space | None = None
    """Parameter by name: float or int with low, high and log, or categorical with choices; `when` makes it conditional.
    Left out: learning_rate, from 1e-6 to 1."""
    metric: Annotated[str, Field(min_length=1, max_length=200)] = "loss"
    direction: Literal["minimize", "maximize"] = "minimize"
    max_total_steps: Budget | None = None
    """Training steps over all trials at the most; needs max_steps."""
    sampler: Method = "auto"
    pruner: Method = "auto"
    tags: dict[str, str] = Field(default_factory=dict)
    """What past studies it resembles: {"optimizer": "adamw", "family": "cnn"}."""
    description: str = ""
    if_exists: Literal["fail", "load"] = "fail"
    """load: take the study of this name where it is the same."""


class CreatedStudy(ListedStudy):
    """A study that is there now."""

    parameters: list[str]
    warnings: list[str]
    """What is said against the search space, with the remedy."""


class Suggested(Reply):
    """A learning rate to train with, by now."""

    learning_rate: Finite | None
    interval: Interval | None


class StandingStudy(ListedStudy):
    """Where a study stands."""

    explanation: str
    """What state that is, and why no trial is handed out."""
    halted: str | None
    """Why none is, where the last trials all failed; `resume` lets them be tried again."""
    max_total_steps: int | None
    counts: TrialCounts
    steps: StepCounts
    best: BestTrial | None
    suggested: Suggested
    workers: int
    on_lease_here: list[int]
    """Trials that `ask` gave through this server and that have not ended."""


def _list(worker: AgentWorker, given: ListStudies) -> ListedStudies:
    found = list(islice(worker.client.studies(), given.limit + 1))
    return ListedStudies(studies=[_listed(study) for study in found[: given.limit]], more=len(found) > given.limit)


def _create(worker: AgentWorker, given: CreateStudy) -> CreatedStudy:
    spec = given.model_dump(exclude={"study"}, exclude_none=True)
    made = worker.client.create_study(given.study, **spec).spec
    return CreatedStudy(**_listed(made).model_dump(), parameters=list(made.search_space), warnings=list(made.warnings))


def _status(worker: AgentWorker, given: OneStudy) -> StandingStudy:
    status, spec = worker.client.status(given.study), worker.client.study(given.study).spec
    found = status.suggestion
    return StandingStudy(
        **_listed(spec).model_dump() | {"state": status.state},
        explanation=for_agent(status.explanation),
        halted=None if status.halted is None else for_agent(status.halted),
        max_total_steps=spec.max_total_steps,
        counts=status.trials,
        steps=status.steps,
        best=status.best,
        suggested=Suggested(learning_rate=found.learning_rate, interval=found.interval),
        workers=status.workers,
        on_lease_here=worker.numbers(given.study),
    )


def _pause(worker: AgentWorker, given: OneStudy) -> ListedStudy:
    return _listed(worker.client.patch_study(given.study, paused=True))


def _resume(worker: AgentWorker, given: OneStudy) -> ListedStudy:
    return _listed(worker.client.patch_study(given.study, paused=False, stopped=False))


def _stop(worker: AgentWorker, given: OneStudy) -> ListedStudy:
    return _listed(worker.client.patch_study(given.study, stopped=True))


def _listed(study: Study) -> ListedStudy:
    return ListedStudy(**{name: getattr(study, name) for name in ListedStudy.model_fields})


STUDIES = (
    Tool(
        "list_studies", "The studies of the service, by name. Spends nothing.", ListStudies, ListedStudies, READS, _list
    ),
    Tool(
        "create_study",
        "Makes a study: a search over a space of parameters within a budget. Spends nothing by itself, but sets how "
        "many trainings `ask` may hand out. Then call ask, report and finish until ask says done.",
        CreateStudy,
        CreatedStudy,
        ADDS,
        _create,
    ),
    Tool(
        "status",
        "Where a study stands: its state, what was trained, the best trial, what is suggested. Spends nothing.",
        OneStudy,
        StandingStudy,
        READS,
        _status,
    ),
    Tool(
        "pause",
        "Holds a study up: it hands out no trial until `resume`; trainings that run go on.",
        OneStudy,
        ListedStudy,
        SETS,
        _pause,
    ),
    Tool(
        "resume",
        "Lets a study that was paused, stopped or halted hand out trials again, within its budget.",
        OneStudy,
        ListedStudy,
        SETS,
        _resume,
    ),
    Tool(
        "stop",
        "Ends a study: no trial is handed out any more, and trainings that run, anybody's, are told to stop and are "
        "pruned. What they spent is not had back.",
        OneStudy,
        ListedStudy,
        SPENDS,
        _stop,
    ),
)
