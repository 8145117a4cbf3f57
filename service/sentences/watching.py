"""What stands on the screen of a watched study, beside numbers and names."""

import textwrap
from datetime import datetime

from lrtune.service.sentences.progress import duration
from lrtune.service.sentences.study import state_word
from lrtune.service.sentences.words import count, rate

BASES = {
    "posterior": "by all trials",
    "best_trial": "by the best trial",
    "unfinished": "by trainings under way",
    "range_test": "by a range test",
    "prior": "by what is usual",
}
"""What a suggestion rests on, in three words."""


def standing(state: str, workers: int, updated_at: datetime) -> str:
    """`running, 4 workers, 16:24:05`: where a study stands, and when it last changed, by this machine's clock."""
    training = count(workers, "worker") if workers else "no worker"
    return f"{state_word(state, workers)}, {training}, {updated_at.astimezone():%H:%M:%S}"


def diverges_above(edge: float) -> str:
    """`diverges above 0.3`, behind the bar that shows it."""
    return f"diverges above {rate(edge)}"


def basis(name: str) -> str:
    """`by all trials`."""
    return BASES.get(name, name)


def no_answer() -> str:
    """Where there is neither a rate nor anything else to train with."""
    return "no answer yet"


def to() -> str:
    """Between the ends of an interval."""
    return "to"


def steps(trained: int, of: int | None, saved: int, lost: int) -> str:
    """`912 of 2000 trained, 433 saved by pruning, 21 spent on divergence`."""
    whole = f"{trained} trained" if of is None else f"{trained} of {of} trained"
    parts = [whole, f"{saved} saved by pruning" if saved else "", f"{lost} spent on divergence" if lost else ""]
    return ", ".join(part for part in parts if part)


def ago(seconds: float) -> str:
    """`2 s`, `12:30`: how long ago something was."""
    return f"{seconds:.0f} s" if seconds < 60 else duration(seconds)


def gone(study: str) -> str:
    """Of a study that was deleted while it was watched."""
    return f"study {study} is gone: it was deleted"


def lines(text: str, width: int, most: int, dots: str = "…") -> list[str]:
    """A text in so many lines at the most; where it is longer it ends in dots."""
    return textwrap.wrap(text, max(20, width), max_lines=most, placeholder=f" {dots}", break_on_hyphens=False)
