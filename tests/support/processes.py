"""Programs that a test starts, and that never outlive it."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support.forked import Forked, can_fork, fork

POLL_SECONDS = 0.05
"""Between two looks at what a program has written."""


class Program:
    """A started program, with its output in files: it can never stand still on a full pipe."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, env: Mapping[str, str], cwd: Path | None = None
    ) -> None:
        self.command = list(command)
        folder.mkdir(parents=True, exist_ok=True)
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        self._process: subprocess.Popen[bytes] | Forked
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            if can_fork(self.command, env):
                self._process = fork(self.command, env, cwd or folder, self._stdout, self._stderr)
                return
            self._process = subprocess.Popen(
                self.command,
                cwd=cwd or folder,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    @property
    def stdout(self) -> str:
        return self._stdout.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def wait_for_line(self, pattern: str, timeout_seconds: float) -> re.Match[str]:
        """The first match of `pattern` (multi-line) in what it wrote to stdout."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            ended = self.poll() is not None
            if found := re.search(pattern, self.stdout, re.MULTILINE):
                return found
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"no line like {pattern!r} from {self}")
            time.sleep(POLL_SECONDS)

    def wait(self, timeout_seconds: float) -> int:
        """Its exit code."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {timeout_seconds} s: {self}") from None

    def terminate(self, timeout_seconds: float) -> int:
        """Ask it to end, as Docker and Kubernetes do; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(timeout_seconds)

    def end(self) -> None:
        """End it and whatever it started, politely for five seconds."""
        if self.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def __repr__(self) -> str:
        return (
            f"{' '.join(self.command)} (exit code {self.poll()})\n"
            f"--- stdout\n{self.stdout[-4000:]}\n--- stderr\n{self.stderr[-4000:]}"
        )


class Programs:
    """Starts programs in folders of their own, and ends them all when left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Program] = []

    def start(self, command: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> Program:
        """Start it, in a new folder of its own unless `cwd` is given."""
        folder = self._folder / f"{len(self._started)}-{Path(command[0]).name}"
        program = Program(command, folder=folder, env=env, cwd=cwd)
        self._started.append(program)
        return program

    def run(self, command: Sequence[str], env: Mapping[str, str], timeout_seconds: float = 30) -> Program:
        """Run it to its end, whatever its exit code."""
        program = self.start(command, env)
        program.wait(timeout_seconds)
        return program

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for program in reversed(self._started):
            program.end()


def bare_environ(bin_folder: Path, home: Path, **variables: str) -> dict[str, str]:
    """An environment with `bin_folder` in front of the system's programs and nothing of the caller's."""
    return {
        "PATH": f"{bin_folder}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
    } | variables
