"""Files of studies for tests: written by hand, or changed."""

import hashlib
import json
from pathlib import Path
from typing import Any

from lrtune.trainers.client.moving.file import as_line

Line = dict[str, Any]


def parsed(lines: list[bytes]) -> list[Line]:
    return [json.loads(line) for line in lines]


def sealed(lines: list[Line]) -> list[Line]:
    """The lines, the last with their digest, whatever was changed in the others: no honest export, but a whole one."""
    *before, last = lines
    first = {name: told for name, told in before[0].items() if name != "name"}
    digest = hashlib.sha256(b"".join(as_line(line) for line in (first, *before[1:]))).hexdigest()
    return [*before, last | {"sha256": digest}]


def write(lines: list[Line], path: Path) -> Path:
    path.write_bytes(b"".join(as_line(line) for line in lines))
    return path


def body(lines: list[Line], first: int = 0, upto: int | None = None) -> Line:
    """A batch of these lines, as it is sent."""
    return {"file": lines[-1]["sha256"], "first": first, "lines": lines[first:upto]}
