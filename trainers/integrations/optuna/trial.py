"""What an objective is given."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat, SupportsInt

from lrtune.service.wire.search_space import Parameter
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import TrialStopped
from lrtune.trainers.integrations.optuna.framework import optuna
from lrtune.trainers.integrations.optuna.spaces import Distribution, distribution_of, suggested

_distributions = optuna.distributions


class Trial:
    """A trial on lease, used as `optuna.Trial` is. Its parameters are drawn already: `suggest_*` says what they are."""

    def __init__(
        self, leased: LeasedTrial, space: Mapping[str, Parameter], study: str, user_attrs: dict[str, Any]
    ) -> None:
        self.leased = leased
        """What holds the lease; `.max_steps` is the step at which this training should end."""
        self.stopped: TrialStopped | None = None
        """Why the service has ended this training; None while it goes on."""
        self._space = space
        self._study = study
        self._user_attrs = user_attrs
        self._reported: set[int] = set()

    def __repr__(self) -> str:
        return f"Trial(number={self.number}, params={self.params})"

    @property
    def number(self) -> int:
        """Counts the study's trials from 0."""
        return self.leased.number

    @property
    def params(self) -> dict[str, Any]:
        """All parameters of the trial, whether they were asked for yet or not."""
        return dict(self.leased.params)

    @property
    def distributions(self) -> dict[str, Distribution]:
        """Those of its parameters."""
        return {name: distribution_of(self._space[name]) for name in self.leased.params}

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What `set_user_attr` has kept."""
        return dict(self._user_attrs)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keeps it in this process, for callbacks and `study.trials` of this `Study`: no service has it."""
        self._user_attrs[key] = value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The value drawn. Raises ValueError where the study does not search just that."""
        return float(self._suggest(name, _distributions.FloatDistribution(low, high, log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """The value drawn. Raises ValueError where the study does not search just that."""
        return int(self._suggest(name, _distributions.IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The choice drawn. Raises ValueError where the study does not search just that."""
        return self._suggest(name, _distributions.CategoricalDistribution(choices))

    def _suggest(self, name: str, asked: Distribution) -> Any:
        return suggested(name, asked, self._space, self.leased.params, self._study)

    def report(self, value: SupportsFloat, step: SupportsInt) -> None:
        """Tells the service the metric at a step ≥ 0, which is on its disk then. A step that was reported already is
        left as it is, with a warning. Raises TypeError, ValueError as Optuna does; LeaseLost where the trial is someone
        else's: let it pass."""
        number, at = _cast(value, float, "value"), _cast(step, int, "step")
        if at < 0:
            raise ValueError(f"step: must be ≥ 0, not {at}")
        if at in self._reported:
            warnings.warn(f"step {at} is reported already: the first value stays", UserWarning, stacklevel=2)
            return
        self._reported.add(at)
        try:
            self.leased.report(at, number)
        except TrialStopped as stopped:
            self.stopped = stopped

    def should_prune(self) -> bool:
        """Whether the service says that this training is over: raise `optuna.TrialPruned` then."""
        if self.stopped is None:
            try:
                self.leased.check()
            except TrialStopped as stopped:
                self.stopped = stopped
        return self.stopped is not None


def _cast(value: Any, kind: type, name: str) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: must be {'a number' if kind is float else 'an int'}, not {value!r:.60}") from None
