"""What is said about pictures of a study's progress, its parameters, its rungs and its steps."""

from collections.abc import Mapping, Sequence

from lrtune.service.sentences.words import count, loss, paragraph, rate

_ALL = 0.995
"""From here on a share is written as 100 %."""
_MOST_NAMED = 3


def whole(number: int) -> str:
    """A whole number, read at a glance: `1,200`."""
    return f"{number:,}"


def nothing_complete() -> str:
    """Instead of a picture that needs a value."""
    return "No trial is complete yet: there is no value to draw."


def best_so_far(value: float, trial: int, improvements: int, complete: int, idle: int) -> str:
    """How the best value was come to; `idle` trials ended since then."""
    said = [
        f"The best value, {loss(value)}, is that of trial {trial}, the {_nth(improvements)} improvement "
        f"in {count(complete, 'complete trial')}"
    ]
    if idle:
        said.append(f"{count(idle, 'trial has', 'trials have')} ended since")
    return paragraph(said)


def sampled(drawn: int, complete: int) -> str:
    """Where not all are drawn."""
    return "" if drawn >= complete else f"Points are {drawn} of {count(complete, 'complete trial')}, evenly spread."


def compared(bests: Mapping[str, float | None], alike: bool) -> str:
    """The best value of each study."""
    known = [f"{name} {loss(value)}" for name, value in bests.items() if value is not None]
    said = [f"Best so far: {', '.join(known)}"] if known else ["None of these studies has a complete trial"]
    said += [f"{name} has no complete trial" for name, value in bests.items() if value is None and known]
    if not alike:
        said.append("Their metrics or directions differ, so each kind has a panel of its own")
    return paragraph(said)


def parallel(drawn: int, complete: int, shown: int, parameters: int, *, by_importance: bool, with_gaps: bool) -> str:
    """Which trials and which parameters are on a picture of parallel axes."""
    said = [f"{count(drawn, 'complete trial')}, a line each" if drawn > 1 else "The one complete trial"]
    if drawn < complete:
        said = [f"The best and an even sample, {drawn} of {count(complete, 'complete trial')}, a line each"]
    if shown < parameters:
        which = "most important" if by_importance else "first"
        said.append(f"Of {parameters} parameters the {which} {shown} are shown")
    if with_gaps:
        said.append("A line breaks where a trial lacks a parameter")
    return paragraph(said)


def importance(name: str, share: float, basis: str, by_chance: Sequence[str], left_out: Sequence[str]) -> str:
    """How much of what tells the best trials from the others the first parameter makes up."""
    first = f"{name} matters most: {100 * share:.0f} % of what sets the best trials apart"
    if share > _ALL:
        first = f"{name} alone sets the best trials apart"
    return paragraph([first, basis, _by_chance(by_chance), _left_out(left_out)])


def basis_of_importance(trials: int, complete: int, stopped: int) -> str:
    """Which trials importance rests on."""
    said = f"This rests on {count(trials, 'complete trial')}"
    if trials < complete:
        said = f"This rests on {trials} of {count(complete, 'complete trial')}"
    if stopped:
        said += f"; {count(stopped, 'stopped one')} {'is' if stopped == 1 else 'are'} left out"
    return said


def nothing_beyond_chance(basis: str) -> str:
    """Instead of importance."""
    return paragraph(["No parameter sets the best trials apart by more than chance would", basis])


def _by_chance(names: Sequence[str]) -> str:
    """Those whose part is no more than noise."""
    if not names:
        return ""
    return f"No more than chance: {_some(names)}"


def too_few_for_importance(complete: int, fewest: int) -> str:
    """Instead of importance."""
    return f"Importance needs {fewest} complete trials, and there {'is' if complete == 1 else 'are'} {complete}."


def nothing_to_tell_apart() -> str:
    """Instead of importance, where all values are equal."""
    return "All complete trials have the same value: no parameter made a difference."


def one_parameter(left_out: Sequence[str]) -> str:
    """Instead of importance, where nothing can be compared."""
    return paragraph(["There are no two parameters to compare", _left_out(left_out)])


def _left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"Left out: {_some(names)}, which not every trial has"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def over_parameter(name: str, drawn: int, begun: int, without: int) -> str:
    """Which trials are on a picture of the metric over a parameter."""
    if not drawn and not without:
        return "No trial has begun: there is nothing to draw."
    of_all = f"{drawn} of " if drawn < begun else ""
    said = [f"{of_all}{count(max(begun, drawn), 'trial')} over {name}"]
    if without:
        said.append(f"{count(without, 'trial')} {'has' if without == 1 else 'have'} no {name}")
    return paragraph(said)


def rungs(looked_at: int, begun: int, last: int, stopped: int) -> str:
    """How far trials came."""
    latest = f"the latest {looked_at} of " if looked_at < begun else ""
    whose = f"Of {latest}{whole(begun)} {'trial' if begun == 1 else 'trials'}"
    return f"{whose}, {last} came to the last rung and {stopped} {'was' if stopped == 1 else 'were'} stopped before."


def nothing_reported() -> str:
    """Instead of a picture that needs reports."""
    return "No trial has reported yet: there is nothing to draw."


def budget(trained: int, saved: int, wasted: int) -> str:
    """Where the steps went."""
    if not trained:
        return "No step has been trained yet."
    said = [f"{whole(trained)} steps trained"]
    if saved:
        said.append(f"stopping early saved {whole(saved)} more, {100 * saved / (saved + trained):.0f} % of all")
    if wasted:
        said.append(f"{whole(wasted)} went into trainings that diverged, failed or were lost")
    return paragraph(said)


def trial(number: int, verdict: str, evidence: Sequence[str], gone: int) -> str:
    """What a trial's curve says."""
    said = [f"Trial {number}: its learning rate is {verdict.replace('_', ' ')}", "; ".join(evidence)]
    if verdict == "diverged":
        said[0] = f"Trial {number} diverged"
    elif verdict == "unclear":
        said[0] = f"Trial {number}: its curve alone says nothing clear about its learning rate"
    if gone:
        said.append(f"{count(gone, 'earlier lease was', 'earlier leases were')} lost past a checkpoint, drawn dashed")
    return paragraph(said)


def life(number: int, leases: int, total: str, state: str) -> str:
    """What became of a trial over time."""
    if not leases:
        return f"Trial {number} was never leased: it is {state}."
    return f"Trial {number} had {count(leases, 'lease')} over {total}; now it is {state}."


def suggested(at: float, low: float | None, high: float | None) -> str:
    """A study's suggestion, where one points at it."""
    return rate(at) if low is None or high is None else f"{rate(at)} ({rate(low)} to {rate(high)})"


def _nth(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
