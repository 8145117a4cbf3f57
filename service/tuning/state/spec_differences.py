"""How the study that is asked for differs from the one of that name, and how to change the latter, in words."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lrtune.service.wire.studies import StudyPatch

MOST_SHOWN = 8
LONGEST_VALUE = 80
_ABSENT = object()
_KINDS = ("name", "type")
"""Fields that say what an object is: where they differ, the rest of it is not compared."""


def differences_text(
    name: str, asked: Mapping[str, Any], created: Mapping[str, Any], now: Mapping[str, Any]
) -> str | None:
    """The fields of the spec `asked` that are neither as the study was `created` nor as it is `now`, with both values,
    and the remedy; None where there are none. All three are in their JSON form."""
    fields = [field for field in now if asked[field] not in (created[field], now[field])]
    if not fields:
        return None
    found = [one for field in fields for one in _differences(field, now[field], asked[field])]
    more = [f"and {len(found) - MOST_SHOWN} more"] if len(found) > MOST_SHOWN else []
    changes = {field: asked[field] for field in fields if field in StudyPatch.model_fields}
    remedies = [_change(name, changes)] if changes else []
    if len(changes) < len(fields):
        fixed = ", ".join(field for field in fields if field not in changes)
        remedies.append(f"{fixed} cannot be changed: ask for what is there, or take another name")
    return f"study {name!r} exists with another spec: {', '.join(found[:MOST_SHOWN] + more)}; {'; '.join(remedies)}"


def _differences(where: str, there: Any, asked: Any) -> Iterator[str]:
    if isinstance(there, dict) and isinstance(asked, dict):
        kind = next((kind for kind in _KINDS if there.get(kind) != asked.get(kind)), None)
        for key in (kind,) if kind else there | asked:
            yield from _differences(f"{where}.{key}", there.get(key, _ABSENT), asked.get(key, _ABSENT))
    elif there is _ABSENT:
        yield f"{where} is not there"
    elif asked is _ABSENT:
        yield f"{where} is there, and not asked for"
    elif there != asked:
        yield f"{where} is {_show(there)} there, and {_show(asked)} is asked for"


def _change(name: str, changes: Mapping[str, Any]) -> str:
    """The same change in Python, at the terminal, and over HTTP."""
    python = ", ".join(f"{field}={value!r}" for field, value in changes.items())
    flags = " ".join(f"--{field.replace('_', '-')} {_flag(value)}" for field, value in changes.items())
    return (
        f"to change it: lrtune study set {name} {flags}, or client.study({name!r}).update({python}), "
        f"or PATCH {json.dumps(changes)}"
    )


def _flag(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else f"'{json.dumps(value)}'" if isinstance(value, dict) else str(value)


def _show(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
