"""Shows the lines of all worker processes in one place, the supervisor's terminal.

A supervised worker writes its line, whenever it has changed, as a record on standard error: RS (0x1E), the pieces as
JSON, a line's end. `Relay` takes the records out, shows them, and passes on all else as it comes.
"""

import codecs
import json
import logging
import os
import subprocess
import threading
from collections.abc import Sequence
from typing import IO, TextIO

from lrtune.trainers.progress.screen import DRAW_EVERY_SECONDS, Foot, Line
from lrtune.trainers.worker.parent_watch import owned_environment

VARIABLE = "LRTUNE_SHOWN_BY_OWNER"
RECORD = "\x1e"
_LONGEST_RECORD = 4096

logger = logging.getLogger(__name__)


class Recorder:
    """The foot of a screen that another process draws: writes records to `stream`."""

    def __init__(self, stream: TextIO, *, every_seconds: float | None = DRAW_EVERY_SECONDS) -> None:
        self._stream = stream
        self._every_seconds = every_seconds
        self._line: Line | None = None
        self._written = "[]"
        self._ended = threading.Event()

    def add(self, line: Line) -> None:
        """Shows it from the next record on; there is one line."""
        self._line, self._ended = line, threading.Event()
        if self._every_seconds is not None:
            args = (self._ended, self._every_seconds)
            threading.Thread(target=self._keep_writing, args=args, name="lrtune-progress", daemon=True).start()

    def drop(self, line: Line) -> None:
        """Takes it away, at once."""
        if self._line == line:
            self._line = None
            self._ended.set()
            self.write()

    def write(self) -> None:
        """Writes the line as it is now, where it has changed."""
        record = json.dumps([] if self._line is None else list(self._line()))
        if record != self._written and len(record) < _LONGEST_RECORD:
            self._written = record
            try:
                self._stream.write(f"{RECORD}{record}\n")
                self._stream.flush()
            except (OSError, ValueError):
                self._ended.set()

    def _keep_writing(self, ended: threading.Event, every_seconds: float) -> None:
        while not ended.wait(every_seconds):
            self.write()


class Relay:
    """Starts worker processes whose lines are shown at `foot`, one a process; what else they print goes to `out` and
    `err`."""

    def __init__(self, foot: Foot, out: TextIO, err: TextIO) -> None:
        self._foot = foot
        self._out = out
        self._err = err
        self._readers: list[threading.Thread] = []

    def start(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        """As the supervisor starts a worker."""
        environment = {**owned_environment(), VARIABLE: "1", "PYTHONUNBUFFERED": "1"}
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, process_group=0)
        for stream, to in ((process.stdout, self._out), (process.stderr, self._err)):
            assert stream is not None
            reader = threading.Thread(target=self._pass_on, args=(stream, to), name="lrtune-relay", daemon=True)
            reader.start()
            self._readers.append(reader)
        return process

    def finish(self, *, seconds: float = 1.0) -> None:
        """Waits for what the processes, which have ended, printed last; not for theirs that live on."""
        for reader in self._readers:
            reader.join(seconds)

    def _pass_on(self, stream: IO[bytes], to: TextIO) -> None:
        records = Records()
        self._foot.add(records.line)
        try:
            with stream:
                while content := os.read(stream.fileno(), 65_536):
                    if text := records.take(content):
                        to.write(text)
                        to.flush()
        except (OSError, ValueError):
            logger.debug("what a worker prints cannot be passed on", exc_info=True)
        finally:
            self._foot.drop(records.line)


class Records:
    """Takes the records out of what a worker writes."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun: str | None = None
        self._pieces: list[str] = []

    def line(self) -> Sequence[str]:
        """The pieces of the latest record."""
        return self._pieces

    def take(self, content: bytes) -> str:
        """What there is in `content` beside records; a record that is not complete is kept until its end comes."""
        text, passed = self._decoder.decode(content), []
        while text:
            if self._begun is None:
                plain, begins, text = text.partition(RECORD)
                passed.append(plain)
                self._begun = "" if begins else None
                continue
            part, ends, text = text.partition("\n")
            self._begun += part
            if ends:
                passed.append(self._read(self._begun))
                self._begun = None
            elif len(self._begun) > _LONGEST_RECORD:
                passed.append(RECORD + self._begun)
                self._begun = None
        return "".join(passed)

    def _read(self, record: str) -> str:
        """Keeps a record; what is none, but begins like one, is passed on."""
        try:
            pieces = json.loads(record)
        except ValueError:
            pieces = None
        if not isinstance(pieces, list):
            return f"{RECORD}{record}\n"
        self._pieces = [str(piece) for piece in pieces]
        return ""
