"""Where a file of a study was changed since it was exported, as far as its lines tell by themselves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from lrtune.service.wire import study_lines
from lrtune.service.wire.messages import place, said
from lrtune.service.wire.search_space import STORED
from lrtune.service.wire.studies import StudySpec
from lrtune.trainers.client.moving.file import as_line, parsed_line

_KINDS: Mapping[Any, type[BaseModel]] = {
    "study": study_lines.StudyLine,
    "trial": study_lines.TrialLine,
    "curve": study_lines.CurveLine,
    "superseded": study_lines.SupersededLine,
    "range_test": study_lines.RangeTestLine,
    "end": study_lines.EndLine,
}
_NO_LINE = "in a line that reads as one still: in the first, only the name may be"


def where_changed(path: Path) -> str:
    """`line 1: spec.max_trials: must be at least 1`: the first line that cannot have been exported; else the only one
    that is written in another way than all others."""
    otherwise = list[int]()
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            line = parsed_line(text, path.name, number)
            wrong = _wrong(line)
            if wrong is not None:
                return f"line {number}: {wrong}"
            if as_line(line) != text:
                otherwise.append(number)
    return f"line {otherwise[0]}: is written in another way than it was" if len(otherwise) == 1 else _NO_LINE


def _wrong(line: dict[str, Any]) -> str | None:
    kind = line.get("kind")
    if kind not in _KINDS:
        return f"there is no kind {kind!r}"
    try:
        # As it is read from JSON, where times are texts.
        _KINDS[kind].model_validate_json(as_line(line))
    except ValidationError as error:
        return _told(error)
    if kind != "study":
        return None
    try:
        StudySpec.model_validate({**line["spec"], "name": "any"}, context={STORED: True})
    except ValidationError as error:
        return _told(error, "spec")
    return None


def _told(error: ValidationError, *within: str) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in (*within, *place(first["loc"])))
    what = "there is no such field" if first["type"] == "extra_forbidden" else said(first)
    return f"{where}: {what}" if where else what
