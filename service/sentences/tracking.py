"""What is said of trials that are mirrored to trackers."""

import re
import shlex

_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]+@")
_LONGEST_ERROR = 300


def where(name: str, place: str) -> str:
    """`mlflow at http://host:5000`; nobody is shown the password in it."""
    return f"{name} at {without_credentials(place)}"


def without_credentials(text: str) -> str:
    """The text, without `user:password@` in addresses."""
    return _CREDENTIALS.sub("", text)


def error_line(error: BaseException) -> str:
    """An error of a tracker, in one line."""
    said = " ".join(without_credentials(str(error)).split())[:_LONGEST_ERROR].rstrip(".")
    return said or type(error).__name__


def failing(place: str, trial: int, error: BaseException) -> str:
    """The first time that a tracker fails."""
    return f"{place}: trial {trial} cannot be written ({error_line(error)}); it is tried again, the training goes on"


def works_again(place: str) -> str:
    """After that."""
    return f"{place}: written again"


def lost(place: str, reports: int, ends: int, why: str, remedy: str | None) -> str:
    """What was not written when it was all over; `remedy` is a command."""
    counted = [f"{reports} report{'s' * (reports != 1)}"] if reports else []
    counted += [f"the end of {ends} trial{'s' * (ends != 1)}"] if ends else []
    what = " and ".join(counted) or "the start of a trial"
    advice = "" if remedy is None else f"; write what is missing with `{remedy}`"
    return f"{place}: {what} could not be written ({why}){advice}"


def left_to(place: str, trials: list[int], who: str) -> str:
    """Trials that another process writes."""
    numbers = ", ".join(map(str, sorted(trials)[:10])) + (", …" if len(trials) > 10 else "")
    return f"{place}: trial{'s' * (len(trials) != 1)} {numbers} left to others ({who})"


def remedy(study: str, spec: str) -> str:
    """The command that writes what is missing to the tracker which `spec` names."""
    return f"lrtune study mirror {shlex.quote(study)} --to {shlex.quote(without_credentials(spec))}"


def hangs(seconds: float) -> str:
    """Of a tracker that was waited for in vain."""
    return f"no answer within {seconds:.2g} s"


def slow(seconds: float, trials: int) -> str:
    """Of a tracker that did write, but not all that there was in the time that the end waits."""
    return (
        f"{seconds:.2g} s were enough for {trials} trial{'s' * (trials != 1)}, and a longer flush_seconds is for more"
    )


def no_room(trials: int, reports: int) -> str:
    """Of a tracker that was away or slow for longer than what there is to tell is kept for."""
    return f"it was away or slow, and {reports:,} reports of {trials:,} trials are kept meanwhile"


def not_mirrored(place: str, trials: int, error: BaseException) -> str:
    """A mirror gives up."""
    return (
        f"{place}: {trials} trial{'s' * (trials != 1)} could not be written ({error_line(error)}); "
        "the same command again writes what is missing"
    )
