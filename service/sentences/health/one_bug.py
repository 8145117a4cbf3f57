"""What is said of whether failures are one bug."""

from lrtune.service.sentences.health.common import are, none_of
from lrtune.service.sentences.words import count, moment, paragraph

ONE_BUG = "Are failures one bug?"


def none_failed(ended: int) -> str:
    """Where nothing failed."""
    return f"{none_of(ended, 'failed')}."


def few_ended(ended: int, needed: int) -> str:
    """Where too few are over."""
    if not ended:
        return "No trial is over yet."
    return f"None failed, but only {count(ended, 'trial')} {are(ended)} over; {needed} would say more."


def failed(failed_trials: int, ended: int, alike: int, line: str, last: float | None) -> str:
    """How many failed, how many of them with the same error, and when last, in seconds since the epoch."""
    told = f"{failed_trials} of the latest {ended} trials failed" if ended > 1 else "The only trial that is over failed"
    if not line:
        return paragraph([f"{told}, without saying why"])
    when = "" if last is None else f", last at {moment(last)}"
    if failed_trials == 1:
        return paragraph([f"{told}{when}: {line}"])
    same = f"all with one error{when}" if alike == failed_trials else f"{alike} with the same error{when}"
    return paragraph([f"{told}, {same}: {line}"] if alike > 1 else [f"{told}, each in its own way{when}: {line}"])


def mend(study: str, *, one: bool) -> str:
    """What to do about failures."""
    see = f"`lrtune study trials {study} --failed` shows each"
    return paragraph([f"{see}; mend that one first" if one else see])


def no_telling() -> str:
    """After one or two failures."""
    return "Too few to say whether it is one bug."
