"""What the health cards rest on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from lrtune.service.tuning.auto.surrogate.stability import Run, StabilityModel
from lrtune.service.tuning.health.comparison import Comparison, compare
from lrtune.service.tuning.state.space.rates import rate_in
from lrtune.service.wire.range_tests import RangeTestFindings
from lrtune.service.wire.search_space import CategoricalParameter
from lrtune.service.wire.studies import StudySpec

Ended = Literal["complete", "pruned", "diverged", "failed"]


@dataclass(frozen=True, slots=True)
class Trained:
    """A trial that is over. Losses are lower-is-better."""

    number: int
    outcome: Ended
    params: Mapping[str, Any]
    loss: float | None
    """The final one of a complete trial."""
    curve: Mapping[int, float]
    """The reported values by step, as the study has them: to be minimised or maximised."""
    own: bool = True
    """Whether it was drawn for itself, and is not another training of an earlier one."""
    full: bool = True
    """Whether it was meant to be a full training; one that diverged counts as such."""
    worker: str | None = None
    error: str = ""
    finished_at: float | None = None
    """Seconds since the epoch."""
    seconds: float | None = None
    """From the lease to the end, of a training in one piece."""


@dataclass(frozen=True, slots=True)
class OnLease:
    """A trial in training."""

    number: int
    worker: str
    reports: int
    """Since it began."""
    seconds: float | None
    """From the lease to the latest report, of a training in one piece."""
    silent_seconds: float
    """Since the latest report, or the lease."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """A lease that ran out: of a trial that waits since, or failed with it."""

    number: int
    worker: str


@dataclass(frozen=True)
class Evidence:
    """What is known of a study, by a bounded look at it. `trials` are those of the first and the latest ones that are
    over, by number."""

    study: str
    spec: StudySpec
    full_steps: int | None
    """Of a full training."""
    sign: float
    """-1 where the study maximizes."""
    trials: tuple[Trained, ...]
    best: tuple[Trained, ...]
    """The best complete trials, best first."""
    complete: int
    """Complete trials in all."""
    running: tuple[OnLease, ...]
    lapses: tuple[Lapse, ...]
    trained_steps: int
    diverged_steps: int
    range_tests: tuple[RangeTestFindings, ...]
    rate: str | None
    """The name of the learning rate."""
    has_prior: bool
    steps_are_folds: bool
    now: float
    """Seconds since the epoch."""

    @cached_property
    def stability(self) -> StabilityModel | None:
        """How likely rates are to train without diverging, by the trials that came to an end of either kind; None
        without a learning rate."""
        parameter = None if self.rate is None else self.spec.search_space[self.rate]
        if self.rate is None or parameter is None or isinstance(parameter, CategoricalParameter):
            return None
        choices = [name for name, one in self.spec.search_space.items() if isinstance(one, CategoricalParameter)]
        runs = []
        for trial in self.trials:
            rate = rate_in(trial.params, self.rate)
            if rate is not None and trial.outcome in ("complete", "diverged"):
                chosen = {name: trial.params[name] for name in choices if name in trial.params}
                runs.append(Run(rate, trial.outcome == "diverged", chosen))
        return StabilityModel(runs, (float(parameter.low), float(parameter.high)))

    @cached_property
    def comparison(self) -> Comparison:
        """How the trials that tell of full trainings compare: those drawn for themselves that did not fail."""
        told = [t for t in self.trials if t.own and t.full and t.outcome != "failed"]
        return compare(told, self.full_steps, self.sign)
