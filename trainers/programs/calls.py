"""The way of `lrtune report` to the worker that runs the program: a socket in a folder that only its user may enter.

A call is a line of JSON, `{"step": 3, "value": 0.41, "checkpoint": "file:///…"}`, and its answer another: the verdict
`{"verdict": "continue", "explanation": ""}`, or `{"error": "…"}`. So the lease stays with the worker, and no program
needs to know of it.
"""

import json
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPORTS = "LRTUNE_REPORTS"
"""The variable that says where the worker hears them."""
LONGEST_CALL = 16_384
LONGEST_PATH_BYTES = 100
"""A socket's address takes 104 bytes on some systems."""
ANSWER_SECONDS = 3600.0
"""More than a report ever takes: a worker waits for seconds for a service that has gone away, and goes on; where its
token has reached a limit, longer."""
SENDING_SECONDS = 5.0


@dataclass(frozen=True)
class Call:
    """What a program reports by itself, and who waits for the answer."""

    step: float
    value: float
    checkpoint: str | None
    caller: socket.socket

    def answer(self, verdict: str, explanation: str = "") -> None:
        """The verdict, to the caller."""
        send(self.caller, {"verdict": verdict, "explanation": explanation})

    def refuse(self, error: str) -> None:
        """Says what is wrong with the call."""
        send(self.caller, {"error": error})


def send(caller: socket.socket, answer: dict[str, Any]) -> None:
    """One answer, and the end; a caller that has gone gets none."""
    with suppress(OSError), caller:
        caller.settimeout(SENDING_SECONDS)
        caller.sendall(json.dumps(answer).encode() + b"\n")


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """A socket that hears calls, and its path; both are gone at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="lrtune-", dir=_short_folder()) as folder:
        path = str(Path(folder, "reports"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen(64)
            listener.setblocking(False)
            yield listener, path


def read_call(content: bytes, caller: socket.socket) -> Call:
    """The call that a line holds. Raises ValueError, in one line."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("a call is one line of JSON") from None
    step, value = (said.get(name) if isinstance(said, dict) else None for name in ("step", "value"))
    if isinstance(value, str):
        value = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}.get(value)
    for name, number in (("step", step), ("value", value)):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError(f"{name} must be a number")
    checkpoint = said.get("checkpoint")
    if checkpoint is not None and not isinstance(checkpoint, str):
        raise ValueError("checkpoint must be text")
    return Call(step, value, checkpoint, caller)  # type: ignore[arg-type]


def call(path: str, step: float, value: float, checkpoint: str | None) -> dict[str, Any]:
    """Reports to the worker at `path`; its answer. Raises OSError, with the remedy in one line, where there is
    none.

    This module imports nothing of lrtune: `lrtune report` is called at every step.
    """
    said = {"step": step, "value": value} | ({} if checkpoint is None else {"checkpoint": checkpoint})
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as worker:
            worker.settimeout(ANSWER_SECONDS)
            worker.connect(path)
            worker.sendall(json.dumps(said).encode() + b"\n")
            while piece := worker.recv(4096):
                answer += piece
        found: Any = json.loads(answer)
    except TimeoutError:
        raise TimeoutError(f"the worker did not answer within {ANSWER_SECONDS:.0f} s: is it stopped?") from None
    except (OSError, ValueError):
        raise ConnectionError(f"no worker answers at {path}: it has ended, and so should this training") from None
    return dict(found)


def _short_folder() -> str | None:
    """The usual folder for what is temporary, unless its name is too long for a socket's address."""
    usual = tempfile.gettempdir()
    return usual if len(usual.encode()) + 32 < LONGEST_PATH_BYTES else "/tmp"
