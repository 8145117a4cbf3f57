"""A program as a training function: what a worker calls for each trial."""

import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest

from lrtune.service.wire.studies import Study
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import ProgramFailed, TaskError
from lrtune.trainers.programs.calls import listening
from lrtune.trainers.programs.command import OF_EVERY_TRIAL, OF_RESUMED, Command, command_of
from lrtune.trainers.programs.losses import ByJson, ByPattern
from lrtune.trainers.programs.process import Guard, Process
from lrtune.trainers.programs.reading import Reader
from lrtune.trainers.programs.run import Limits, Run
from lrtune.trainers.programs.shown import Shown
from lrtune.trainers.programs.variables import check_variables, environment_of, is_reached, values_of, variable_of

GRACE_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """How a program is run, and its losses are read."""

    pattern: str | None = None
    """A regular expression with the groups `value` and, perhaps, `step`; None: lines of JSON."""
    first_step: int = 1
    """What the program calls the first step that it has trained: 1, or 0."""
    resumable: bool = False
    anneals: bool = False
    grace_seconds: float = GRACE_SECONDS
    trial_timeout_seconds: float | None = None
    quiet: bool = False
    """Its output is not shown."""


class Program:
    """Trains a leased trial by running a command, and ends the command when the service, or the worker, ends."""

    def __init__(self, arguments: Sequence[str], study: Study, options: Options) -> None:
        """Raises TaskError, in one line, for what cannot be run or read."""
        self._study = study
        self._options = options
        self._command = _checked(arguments, study, options)
        self._limits = Limits(options.grace_seconds, options.trial_timeout_seconds)
        self._process: Process | None = None
        self._guard = Guard()
        self.anneals = options.anneals
        self.resumable = options.resumable
        self.own_length = study.max_steps is None

    def __call__(self, trial: LeasedTrial) -> None:
        """Runs the program. Raises ProgramFailed, and what reports raise."""
        options = self._options
        find = ByJson(self._study.metric) if options.pattern is None else ByPattern(options.pattern)
        resumed = trial.resume.step if options.resumable and trial.resume else 0
        with ExitStack() as stack:
            listener, path = stack.enter_context(listening())
            environment = environment_of(trial, self._study.name, path, resumable=options.resumable)
            stack.callback(self._forget)
            process = self._start(self._command.filled(values_of(trial, self._study.name)), environment)
            shown = [] if options.quiet else [Shown(sys.stdout), Shown(sys.stderr)]
            stack.callback(self._tell_of_dropped, trial, shown)
            reader = Reader(
                zip_longest((process.stdout, process.stderr), [one.write for one in shown]),
                listener,
                find=find,
                first_count=resumed + 1,
                shift=1 - options.first_step,
            )
            run = Run(trial, process, reader, self._limits, name=self._command.program, lacking=find.lacking)
            with run:
                run.follow()
            if run.counts_from_0:
                logger.warning(
                    "trial %d: steps 0 to %d were printed of %d: say --first-step 0 where the program counts from 0",
                    *(trial.number, trial.max_steps - 1 if trial.max_steps else 0, trial.max_steps),
                )
            unread, written = reader.unread
            if unread:
                logger.warning(
                    "trial %d: %d of the losses that were printed are no numbers, %r say, and were left out: "
                    "print nan for a loss that is none",
                    *(trial.number, unread, written[:40]),
                )
            if run.repeated is not None:
                logger.warning(
                    "trial %d: step %d was printed again with another loss, and the first counts: "
                    "let one line a step have a loss",
                    *(trial.number, run.repeated),
                )

    def kill(self) -> None:
        """Ends the program that runs, at once."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Ends what watches over the programs."""
        self._guard.close()

    def _start(self, command: list[str], environment: dict[str, str]) -> Process:
        try:
            self._process = Process(command, environment)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ProgramFailed(f"{self._command.program} cannot be run: {reason}") from None
        self._guard.watch(self._process)
        return self._process

    def _tell_of_dropped(self, trial: LeasedTrial, shown: Sequence[Shown]) -> None:
        dropped = sum(one.dropped for one in shown)
        if dropped:
            logger.warning(
                "trial %d: %d bytes that %s printed are not shown, for nobody read them: read on, or say --quiet",
                *(trial.number, dropped, self._command.program),
            )

    def _forget(self) -> None:
        self.kill()  # Where a signal came before there was a run to end it.
        self._process = None
        self._guard.watch(None)


def _checked(arguments: Sequence[str], study: Study, options: Options) -> Command:
    parameters = study.search_space
    resumed = OF_RESUMED if options.resumable else ()
    command = command_of(arguments, [*parameters, *OF_EVERY_TRIAL, *resumed])
    if "max_steps" in command.names - set(parameters) and study.max_steps is None:
        raise TaskError(
            f"study {study.name} has no max_steps to fill into {{max_steps}}: "
            "write a number in its place, or create the study with --max-steps"
        )
    check_variables(parameters)
    if options.pattern is not None:
        ByPattern(options.pattern)
    if not is_reached(arguments, command.names, parameters):
        name = next(iter(parameters))
        logger.warning(
            "no parameter seems to reach %s: write {%s} among its arguments, or read %s in it",
            *(command.program, name, variable_of(name)),
        )
    return command
