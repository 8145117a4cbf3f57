"""What must hold of a fleet, whatever happened to it: what its workers know, compared with the database."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.benchmarks.faults.check import Rows
from tests.benchmarks.fleet.journal import Entry

_MOST_SHOWN = 20
Trial = tuple[str, int]
"""Study and number."""


@dataclass(frozen=True)
class Twice:
    """Steps that were trained more than once."""

    steps: int
    kills: int
    """After which a trial was trained again."""


def shortened(found: Sequence[str]) -> list[str]:
    """The first few, and how many more there are."""
    return [*found[:_MOST_SHOWN], *([f"… and {len(found) - _MOST_SHOWN} more"] if len(found) > _MOST_SHOWN else [])]


def of_errors(entries: Iterable[Entry]) -> list[str]:
    """Answers that no worker should get, a lost lease among them."""
    return [f"{entry['worker']}: {entry['text']}" for entry in entries if entry["kind"] == "error"]


def of_reports(rows: Rows, study: str, entries: Iterable[Entry]) -> list[str]:
    """Every acknowledged report is there once, and nothing that nobody sent."""
    found = [f"{study}: trial {n} has {len(v)} reports at step {s}" for (n, s), v in rows.reports.items() if len(v) > 1]
    sent: set[tuple[int, int]] = set()
    for entry in entries:
        if entry.get("study") != study:
            continue
        if entry["kind"] == "kill" and entry["untold"] is not None:
            sent.add((entry["number"], entry["untold"]))
        if entry["kind"] != "report":
            continue
        place = entry["number"], entry["step"]
        sent.add(place)
        copies = [*rows.reports.get(place, ()), *rows.superseded.get(place, ())].count(entry["value"])
        if copies != 1:
            found.append(
                f"{study}: an acknowledged report of trial {place[0]}, step {place[1]} is there {copies} times"
            )
    unsent = sorted((rows.reports.keys() | rows.superseded.keys()) - sent)
    return found + [f"{study}: nobody sent the report of trial {n}, step {s}" for n, s in unsent]


def of_results(rows: Rows, study: str, entries: Iterable[Entry]) -> list[str]:
    """Every acknowledged result is there, of every trial at most one; a complete one has its value."""
    results = [entry for entry in entries if entry["kind"] == "result" and entry["study"] == study]
    times = Counter(entry["number"] for entry in results)
    found = [f"{study}: the result of trial {n} was acknowledged {k} times" for n, k in times.items() if k > 1]
    for entry in results:
        number = entry["number"]
        if number >= len(rows.states) or rows.states[number] in ("RUNNING", "WAITING"):
            found.append(f"{study}: trial {number} is not over, though its result was acknowledged")
        elif entry["state"] == "complete" and rows.final_values.get(number, []) != [entry["value"]]:
            found.append(f"{study}: trial {number} ended with {rows.final_values.get(number)}, not {entry['value']}")
    return found


def of_budgets(rows: Rows, spec: dict[str, Any], entries: Iterable[Entry]) -> list[str]:
    """No more trials than `max_trials`, and as many where the study said that they are spent; no more steps than
    `max_total_steps`; numbers without a gap; no lease of anybody's left."""
    study, found = spec["name"], []
    mine = [entry for entry in entries if entry.get("study") == study]
    if rows.numbers != list(range(len(rows.numbers))):
        found.append(f"{study}: trial numbers do not run from 0")
    counted = sum(state != "FAIL" for state in rows.states)
    if "max_trials" in spec:
        most, spent = spec["max_trials"], any(entry["kind"] == "done" for entry in mine)
        if counted > most or (spent and counted != most):
            found.append(f"{study}: {counted} trials where max_trials is {most}")
    trained = sum(entry["kind"] == "report" for entry in mine)
    if "max_total_steps" in spec and trained > spec["max_total_steps"]:
        found.append(f"{study}: {trained} steps trained where max_total_steps is {spec['max_total_steps']}")
    left = [number for number, leased in zip(rows.numbers, rows.leased, strict=True) if leased]
    return found + [f"{study}: trial {number} is on lease though all have stopped" for number in left]


def of_leases(entries: Iterable[Entry]) -> tuple[list[str], Twice]:
    """One worker at a time trains a trial, the next from where the one before left it: at a kill its checkpoint, or
    one that it sent as it died; else its last step."""
    by_trial: dict[Trial, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry["kind"] in ("lease", "kill", "release", "result"):
            by_trial[entry["study"], entry["number"]].append(entry)
    found, steps, kills = [], 0, 0
    for (study, number), history in by_trial.items():
        for before, lease in _handovers(history):
            where = f"{study}: trial {number}, attempt {lease['attempt']}"
            if before["kind"] not in ("kill", "release"):
                found.append(f"{where} was handed out after a {before['kind']}")
                continue
            begins, resumable = lease["begins"], before["checkpoint"]
            latest = max(before["step"], before.get("untold") or 0)
            if not resumable <= begins <= latest:
                found.append(f"{where} began after step {begins}, where {resumable} to {latest} could be gone on from")
            if before["kind"] == "kill":
                steps, kills = steps + max(0, before["step"] - begins), kills + 1
            elif begins != before["step"]:
                found.append(f"{where} began after step {begins}, though it was given back at {before['step']}")
    return found, Twice(steps, kills)


def _handovers(history: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    for before, after in pairwise(history):
        if after["kind"] == "lease":
            yield before, after


def freed_after(entries: Iterable[Entry], takeovers: Sequence[float]) -> Iterator[tuple[Entry, float]]:
    """Each lease of a dead worker with the seconds from its last renewal until it was seen to be free. A service that
    has taken over (at these times) gives all leases their full time again: it counts from there."""
    for entry in entries:
        if entry["kind"] == "freed":
            renewed = max([entry["sent"], *(at for at in takeovers if at < entry["at"])])
            yield entry, entry["at"] - renewed
