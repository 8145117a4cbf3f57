"""What is said of whether a worker is hung."""

from lrtune.service.sentences.health.common import are
from lrtune.service.sentences.words import count, moment, span

HUNG = "Is a worker hung?"


def none_on_lease() -> str:
    """Where nothing is in training."""
    return "Nothing to measure: no trial is in training."


def pace_unknown(running: int) -> str:
    """Before it is known how often trials report."""
    return (
        f"Too early to tell: {count(running, 'trial')} {are(running)} in training, and how often they report is not "
        "known yet."
    )


def all_report(running: int, usual: float) -> str:
    """Where all are heard of."""
    what = "The trial in training reports" if running == 1 else f"All {running} trials in training report"
    return f"{what} as usual: up to {span(usual)} between two reports."


def silent(worker: str, number: int, since: float, usual: float, *, reported: bool) -> str:
    """Of a worker that renews its lease and reports nothing; `since` in seconds since the epoch."""
    what = "a report comes at least every" if reported else "whole trainings took up to"
    return f"Trial {number}, held by {worker}, has not reported since {moment(since)}; {what} {span(usual)}"


def more_silent(others: int) -> str:
    """Further workers like it; empty without any."""
    return f"{count(others, 'other trial is', 'other trials are')} as silent" if others else ""


def leases_lost(worker: str, lapses: int) -> str:
    """Of a worker whose leases run out."""
    return f"{count(lapses, 'lease')} of {worker} ran out unrenewed"


def look_at_worker(worker: str) -> str:
    """What to do about it."""
    return f"Look at {worker}: its log, its GPU, its data loader. End it, and another worker trains its trial on."
