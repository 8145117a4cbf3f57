"""A study of a service that is searched as `optuna.Study` is."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self

from lrtune.service.wire.trials import NoTrial
from lrtune.trainers.client.client import Client
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.integrations.optuna import telling
from lrtune.trainers.integrations.optuna.frozen import FrozenTrial, State
from lrtune.trainers.integrations.optuna.optimizing import Run, optimize, wanted
from lrtune.trainers.integrations.optuna.results import StudyResults
from lrtune.trainers.integrations.optuna.spaces import Distribution, suggested
from lrtune.trainers.integrations.optuna.trial import Trial


class Study(StudyResults):
    """A study of a service, or of the engine in this process, with the methods of `optuna.Study`.

    The service draws the parameters, prunes, and keeps the budget; each trial is on lease to this process. Made by
    `create_study` and `load_study`; safe to use from several threads. Use it as a context manager, or `close` it: what
    was asked for and not told is given back then.

    Methods raise ServiceError where the service refuses, ServiceUnreachable where none answers.
    """

    def __init__(self, client: Client, handle: StudyHandle, *, own_client: bool = False) -> None:
        super().__init__(client, handle)
        self._own_client = own_client
        self._open: dict[int, Trial] = {}
        self._running = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives back the trials that are not told, and closes the client that was made for this study."""
        while self._open:
            _, trial = self._open.popitem()
            telling.give_back(trial)
        if self._own_client:
            self._client.close()

    def optimize(
        self,
        func: Callable[[Trial], float | Sequence[float]],
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        catch: type[Exception] | Iterable[type[Exception]] = (),
        callbacks: Iterable[Callable[["Study", FrozenTrial], None]] | None = None,
        gc_after_trial: bool = False,
        show_progress_bar: bool = False,
    ) -> None:
        """Trains `n_trials` trials with `func`, fewer where the study's budget is spent before, `timeout` seconds have
        passed, or `stop` was called; without all of these it goes on for ever. With `n_jobs` it does so in so many
        threads, with -1 in one a core. What it shows with `show_progress_bar` is what lrtune's workers show.

        Raises what `func` raises, but for `catch`; either way the trial has failed. Raises StudyHalted where the
        service hands out no trial since the last ones all failed, ValueError for what cannot be asked for.
        """
        how = wanted(n_trials, timeout, n_jobs, catch, callbacks, gc_after_trial, show_progress_bar)
        if self._run() is not None:
            raise RuntimeError("optimize was called in an objective or a callback of the same study: call it outside")
        optimize(self, func, how)

    def stop(self) -> None:
        """Ends `optimize` after the trials that are being trained. Raises RuntimeError outside its objective and
        callbacks."""
        run = self._run()
        if run is None:
            raise RuntimeError("call stop in an objective or a callback of optimize: there is nothing else to stop")
        run.stop.set()

    def ask(self, fixed_distributions: Mapping[str, Distribution] | None = None) -> Trial:
        """A trial, on lease until it is told, or the study closed. All its parameters are drawn; those of
        `fixed_distributions` are compared with what the study searches.

        Raises LrtuneError where there is no trial now: the budget is spent, or all that is left is being trained.
        """
        leased = self.handle.ask()
        if isinstance(leased, NoTrial):
            raise LrtuneError(f"study {self.study_name} has no trial now: {_why_none(leased)}")
        trial = self.opened(leased)
        try:
            for name, asked in (fixed_distributions or {}).items():
                suggested(name, asked, self.handle.spec.search_space, trial.params, self.study_name)
        except ValueError:
            telling.give_back(self.taken(trial))
            raise
        return trial

    def tell(
        self,
        trial: Trial | int,
        values: float | Sequence[float] | None = None,
        state: State | None = None,
        skip_if_finished: bool = False,
    ) -> FrozenTrial:
        """Ends a trial that `ask` gave, itself or by its number; the trial as it is then. Without a state it is
        complete where `values` is a number, and has failed where not.

        Raises ValueError for a trial that is not this study's to tell, or values and state that do not go together;
        NotFound for a number that there is not.
        """
        number = trial.number if isinstance(trial, Trial) else trial
        if number not in self._open:
            return self._told_before(number, skip_if_finished)
        telling.check(values, state)
        telling.end(self.taken(self._open[number]), values, state)
        return self.trial(number)

    def _told_before(self, number: int, skip: bool) -> FrozenTrial:
        trial = self.trial(number)
        if trial.state.is_finished() and skip:
            return trial
        why = f"is {trial.state.name} already" if trial.state.is_finished() else "is on lease to nobody here"
        raise ValueError(f"trial {number} of study {self.study_name} {why}: tell what ask gave, once")

    def opened(self, leased: LeasedTrial) -> Trial:
        """The trial, its lease renewed from now on: who opens it ends it."""
        leased.__enter__()
        trial = Trial(leased, self.handle.spec.search_space, self.study_name, self.attrs_of(leased.number))
        self._open[trial.number] = trial
        return trial

    def taken(self, trial: Trial) -> Trial:
        """The trial, which is about to be ended: `close` has no more to do with it."""
        return self._open.pop(trial.number, trial)

    def train_for(self, run: Run | None) -> None:
        """Notes for which call of `optimize` this thread trains."""
        self._running.run = run

    def _run(self) -> Run | None:
        run: Run | None = getattr(self._running, "run", None)
        return run


def _why_none(answer: NoTrial) -> str:
    if answer.done:
        return answer.explanation or f"{answer.reason} is reached"
    return "all that its budget leaves is being trained; tell the trials that you asked for, or ask again later"
