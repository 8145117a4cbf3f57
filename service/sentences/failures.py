"""What is said of trainings that failed: the line that names an error, and how many share it."""

import re
from collections import Counter
from collections.abc import Sequence

from lrtune.service.sentences.words import count, paragraph, plain

_LONGEST = 300
_FRAME = re.compile(r"^\s*File \".*\", line \d+")
_MARGIN = re.compile(r"^\s*[|+] ?(?=[ |\w+-])")
_RULE = re.compile(r"^[-+|\s\d]*$")
"""How the traceback of an exception group is drawn: a margin before each line, and rules between its exceptions."""
_GROUP = re.compile(r"\(\d+ sub-exceptions?\)$")
_SAME = (
    (re.compile(r"0x[0-9a-fA-F]+"), "#"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[/\\][\w.~+-]+)+[/\\]?"), "<path>"),
    (re.compile(r"(?<![\w.])-?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?(?!\w)"), "#"),
    (re.compile(r"\b(?=\w*\d)[0-9a-fA-F]{8,}\b"), "#"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "#"),
)
"""What differs between two occurrences of one error: addresses, paths, numbers, hashes, numbers within words."""


def error_line(error: str) -> str:
    """The line that names an error: of a traceback the exception's own (of a group, its last one's, too), of any other
    text the last one; cut to 300 characters, and without what a terminal would take for a command.

    >>> error_line('Traceback (most recent call last):\\n  File "a.py", line 3, in f\\n    g()\\nKeyError: 7')
    'KeyError: 7'
    """
    lines = [line for line in error.splitlines() if line.strip()]
    if "Exception Group Traceback" in error:
        lines = [line for line in (_MARGIN.sub("", line) for line in lines) if not _RULE.match(line)]
    if not lines:
        return ""
    last_frame = max((place for place, line in enumerate(lines) if _FRAME.match(line)), default=None)
    named = lines[-1]
    if last_frame is not None:
        named = next((line for line in lines[last_frame + 1 :] if not line[:1].isspace()), named)
    if _GROUP.search(named) and lines[-1] != named:
        named = f"{named}: {lines[-1]}"
    line = " ".join(plain(named).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def same_error(line: str) -> str:
    """What two occurrences of the same error have in common: the line without numbers, addresses and paths.

    >>> same_error("CUDA error at 0x7f3a: tried 2.50 GiB, log in /tmp/run-17/log.txt")
    'CUDA error at #: tried # GiB, log in <path>'
    """
    for pattern, instead in _SAME:
        line = pattern.sub(instead, line)
    return line


def failures(failed: int, ended: int, errors: Sequence[str], *, study: str) -> str:
    """How trials failed, in a sentence or two; "" where none did.

    `failed` of the `ended` trials did, and `errors` are the lines of those that are known, latest last.
    """
    if not failed:
        return ""
    where = f"`lrtune study trials {study} --failed` shows each"
    all_of = failed == ended
    who = f"All {count(failed, 'trial')}" if all_of and failed > 1 else f"{failed} of {count(ended, 'trial')}"
    if all_of and failed == 1:
        who = "The only trial that ended"
    known = [line for line in errors if line]
    if not known:
        return paragraph([f"{who} failed without saying why"])
    kinds = Counter(same_error(line) for line in known)
    kind, many = kinds.most_common(1)[0]
    line = next(line for line in reversed(known) if same_error(line) == kind)
    if failed == 1:
        return paragraph([f"{who} failed: {line}"])
    if many == failed:
        return paragraph([f"{who} failed with the same error: {line}", where])
    if many > 1:
        return paragraph([f"{who} failed, {many} with the same error: {line}", where])
    return paragraph([f"{who} failed, each in its own way, the latest so: {known[-1]}", where])
