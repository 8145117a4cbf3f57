"""Which of a study's parameters matter, by PED-ANOVA on a sample of its complete trials, of those that set the best
apart by more than chance does.

Source: S. Watanabe, A. Bansal and F. Hutter, "PED-ANOVA: Efficiently quantifying hyperparameter importance in arbitrary
subspaces", IJCAI 2023.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import optuna  # Its importance, with scikit-learn a second to import, is loaded when first used.
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from lrtune.service.pictures.space.importance import Importances
from lrtune.service.sentences import views as say
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.state.snapshot import Snapshot, snapshot_of_trials
from lrtune.service.tuning.state.staged_storage import StagedStorage
from lrtune.service.tuning.views.drawn.chance import apart
from lrtune.service.tuning.views.drawn.space import sample

FEWEST = 20
"""So many complete trials it takes: the best tenth of fewer is one trial."""
_MOST, _BEST = 300, 30
_MOST_WEIGHED = 12
"""The most telling ones: weighing one takes some hundredths of a second."""


@dataclass(frozen=True)
class Weighing:
    """Complete trials of a study, whose parameters are to be weighed: a sample of bounded size."""

    study: str
    snapshot: Snapshot
    complete: int
    stopped: int

    def run(self) -> Importances:
        """The importances; for a thread."""
        if self.complete < FEWEST:
            return self._none(say.too_few_for_importance(self.complete, FEWEST))
        known = self.snapshot.distributions
        trials = [trial for trial in self.snapshot.trials if trial.values]
        names = [name for name in known if all(name in trial.params for trial in trials)]
        left_out = [name for name in known if name not in names]
        alike = {name: known[name] for name in names}
        inside = [_as_searched(trial, alike) for trial in trials if _is_within(trial, alike)]
        if len(inside) < FEWEST:
            return self._none(say.too_few_for_importance(len(inside), FEWEST))
        if len({trial.values[0] for trial in inside if trial.values}) < 2:
            return self._none(say.nothing_to_tell_apart())
        if len(names) < 2:
            return self._none(say.one_parameter(left_out))
        telling, others = self._told_apart(inside, alike)
        shares = self._weighed(inside, telling[:_MOST_WEIGHED]) if telling else {}
        basis = say.basis_of_importance(len(inside), self.complete, self.stopped)
        if not shares:
            return replace(self._none(say.nothing_beyond_chance(basis)), ranked=[*telling, *others])
        return Importances(self.study, shares, basis, left_out, others, ranked=[*telling, *others])

    def _none(self, why: str) -> Importances:
        return Importances(self.study, {}, why_none=why)

    def _told_apart(
        self, trials: Sequence[FrozenTrial], searched: Mapping[str, BaseDistribution]
    ) -> tuple[list[str], list[str]]:
        """The parameters that set the best of these trials apart, and the others."""
        maximizes = self.snapshot.directions[0] is StudyDirection.MAXIMIZE
        ordered = sorted(trials, key=lambda trial: trial.values[0], reverse=maximizes)
        columns = {
            name: [distribution.to_internal_repr(trial.params[name]) for trial in ordered]
            for name, distribution in searched.items()
        }
        choices = [name for name, one in searched.items() if isinstance(one, CategoricalDistribution)]
        return apart(columns, choices)

    def _weighed(self, trials: Sequence[FrozenTrial], names: Sequence[str]) -> dict[str, float]:
        """The share of each, 1 together; empty where none made a difference."""
        about = Snapshot(0, self.study, self.snapshot.directions, {}, {}, list(trials), self.snapshot.distributions)
        study = StagedStorage(about, trials[0]).study(RandomSampler(), NopPruner())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            found = optuna.importance.PedAnovaImportanceEvaluator().evaluate(study, params=list(names))
        total = sum(found.values())
        return {name: share / total for name, share in found.items()} if total > 0 else {}


def weighing_of(study: StudyMirror) -> Weighing:
    """What is needed to weigh the study's parameters. Under the engine's lock."""
    numbers = sample(study, best=_BEST, most=_MOST) if len(study.ranking) >= FEWEST else []
    stopped = study.tally.outcomes["pruned"]
    return Weighing(study.name, snapshot_of_trials(study, sorted(numbers)), len(study.ranking), stopped)


def _is_within(trial: FrozenTrial, searched: Mapping[str, BaseDistribution]) -> bool:
    """Whether its parameters lie within what is searched now: others may have been recorded from elsewhere."""
    for name, distribution in searched.items():
        try:
            inside = distribution._contains(distribution.to_internal_repr(trial.params[name]))
        except ValueError:
            return False
        if not inside:
            return False
    return True


def _as_searched(trial: FrozenTrial, searched: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """The trial with those parameters alone, over the ranges that are searched now."""
    params = {name: trial.params[name] for name in searched}
    made = create_trial(state=TrialState.COMPLETE, params=params, distributions=dict(searched), values=trial.values)
    made.number, made._trial_id = trial.number, trial._trial_id
    return made
