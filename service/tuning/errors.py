"""What a caller of `lrtune.service.tuning` may have done wrong, or come too late for.

TuningError
├── StudyNotFound
├── StudyExists       a study of that name exists, and is not to be loaded or differs
├── StudyHalfImported the last line of its file is not in yet
├── TrialNotFound
├── RangeTestNotFound
├── LeaseLost         the lease is not the trial's current one: stop training it
├── BudgetSpent       the study takes no further trial
├── RequestIdTaken    the request id came before, with another body
└── InvalidField      a value that is well-formed but cannot be right here
"""

TO_ADOPT = "stop the service, run `lrtune db adopt --storage DATABASE` with its database, and start it again"
"""What makes a study of lrtune of one of Optuna's."""


class TuningError(Exception):
    """Base of all tuning errors; the text names the situation and the remedy."""


class StudyNotFound(TuningError):
    """There is no study of that name; or only one `of_optuna`, which says nothing of what is searched."""

    def __init__(self, name: str, *, of_optuna: bool = False, hint: str = "") -> None:
        super().__init__(
            f"study {name!r} is one that Optuna made: {TO_ADOPT}"
            if of_optuna
            else f"there is no study {name!r}; {hint}create it with `lrtune study create` or POST /v1/studies"
        )
        self.name = name
        self.of_optuna = of_optuna


class StudyExists(TuningError):
    """A study of that name exists."""


class StudyHalfImported(TuningError):
    """The study is being imported, and not all of it is there."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"study {name!r} is being imported, and is there once all of it is: run `lrtune study import` with the "
            f"same file again to go on where that broke off, or `lrtune study delete {name}`"
        )


class TrialNotFound(TuningError):
    """The study has no trial of that number."""

    def __init__(self, study: str, number: int, trials: int) -> None:
        known = f"it has trials 0 to {trials - 1}" if trials else "it has no trials yet"
        super().__init__(f"study {study!r} has no trial {number}; {known}")


class RangeTestNotFound(TuningError):
    """The study has no range test of that number."""

    def __init__(self, study: str, number: int, tests: int) -> None:
        known = f"it has range tests 0 to {tests - 1}" if tests else "it has none yet"
        super().__init__(f"study {study!r} has no range test {number}; {known}")


class LeaseLost(TuningError):
    """The lease is not the trial's current one."""


class BudgetSpent(TuningError):
    """The study takes no further trial."""


class RequestIdTaken(TuningError):
    """The request id came before, with another body."""


class InvalidField(TuningError):
    """A field holds a value that cannot be right here."""

    def __init__(self, loc: tuple[str | int, ...], message: str) -> None:
        super().__init__(f"{'.'.join(str(part) for part in loc)}: {message}")
        self.loc = loc
        self.message = message
