"""`lrtune` commands as forks of one process that has imported what they need.

To import it takes a command two seconds of processor time, most of what many tests cost, and shows nothing that
`tests/packaging` does not show. A fork begins where an interpreter would run `-m lrtune.service.cli.main`, in a session
of its own, with the environment, the folder and the files that it was given, and ends as an interpreter does.
"""

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

COMMAND = ("-m", "lrtune.service.cli.main")
_ROOT = Path(__file__).resolve().parents[2]
_IMPORTED = (
    "lrtune.service.cli.main",
    "lrtune.service.cli.commands.serve",
    "lrtune.service.cli.commands.worker",
    "lrtune.service.cli.commands.study.commands",
    "lrtune.service.server",
    "lrtune.trainers.client.client",
    "lrtune.trainers.worker.loop",
    "lrtune.trainers.worker.supervisor",
    "torch",
    "optuna._gp.gp",
)
_READ_AT_START = ("PYTHON", "LANG", "LC_", "OMP_", "OPENBLAS_", "LD_")
"""How names of variables begin that an interpreter or a library reads once, as it starts."""
_START = {"PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"}
"""What every fork has of those; a command may do without."""
_POLL_SECONDS = 0.02


class Forked:
    """A command that was forked; what `subprocess.Popen` has of it."""

    def __init__(self, pid: int, ended: Callable[[int], int | None]) -> None:
        self.pid = pid
        self._ended = ended
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, below 0 the signal that killed it; None while it runs."""
        if self._code is None:
            self._code = self._ended(self.pid)
        return self._code

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a forked lrtune", timeout)
            time.sleep(_POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Where it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


def can_fork(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a fork is the same as this command: nothing is set that is read before anything is imported."""
    return (
        sys.platform == "linux"
        and command[0] == sys.executable
        and tuple(command[1:3]) == COMMAND
        and _at_start(env) == _at_start({**os.environ, **_START})
    )


def fork(command: Sequence[str], env: Mapping[str, str], cwd: Path, stdout: Path, stderr: Path) -> Forked:
    """Start such a command, its output in files."""
    global _template
    with _lock:
        if _template is None:
            _template = _Template()
        template = _template
    pid = template.ask(arguments=command[3:], env=dict(env), cwd=str(cwd), stdout=str(stdout), stderr=str(stderr))
    assert pid is not None
    return Forked(pid, lambda child: template.ask(ended=child))


def captured(
    command: Sequence[str], env: Mapping[str, str], timeout_seconds: float
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, a fork where that is the same; what it printed. Raises subprocess.TimeoutExpired."""
    if not can_fork(command, env):
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout_seconds, check=False)
    with tempfile.TemporaryDirectory(prefix="lrtune-test-") as folder:
        out, err = Path(folder, "stdout"), Path(folder, "stderr")
        run = fork(command, env, Path.cwd(), out, err)
        try:
            code = run.wait(timeout_seconds)
        finally:
            run.send_signal(signal.SIGKILL)
        return subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    read = {name: value for name, value in env.items() if name.startswith(_READ_AT_START)}
    return {**read, **_START} if all(read.get(name, value) == value for name, value in _START.items()) else read


class _Template:
    """The process that has imported everything. It ends when this one does, since nobody asks it any more."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forked", str(theirs.fileno())],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **_START},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._socket = ours
        self._file = ours.makefile("rw")

    def ask(self, **what: object) -> int | None:
        """A pid, or an exit code."""
        with self._asking:
            self._file.write(json.dumps(what) + "\n")
            self._file.flush()
            answer = self._file.readline()
        if not answer:
            raise AssertionError(f"the process that forks commands has ended, with {self._process.poll()}")
        found: int | None = json.loads(answer)
        return found


_lock = threading.Lock()
_template: _Template | None = None


@dataclass(frozen=True)
class _Job:
    arguments: list[str]
    env: dict[str, str]
    cwd: str
    stdout: str
    stderr: str

    def become(self) -> None:
        """Make this process the command, up to its first import."""
        os.setsid()
        for path, descriptor in ((self.stdout, 1), (self.stderr, 2)):
            opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(opened, descriptor)
            os.close(opened)
        os.chdir(self.cwd)
        os.environ.clear()
        os.environ.update(self.env)
        time.tzset()
        main = import_module("lrtune.service.cli.main")
        sys.argv[:] = [str(main.__file__), *self.arguments]
        sys.orig_argv[:] = [sys.executable, *COMMAND, *self.arguments]
        sys.path[0] = self.cwd


def _serve(descriptor: int) -> _Job | None:
    """Fork for who asks, until nobody does: then None. A fork comes back with what it is to do."""
    with socket.socket(fileno=descriptor) as asked, asked.makefile("rw") as file:
        for line in file:
            what: dict[str, Any] = json.loads(line)
            if "ended" in what:
                answer = _ended(what["ended"])
            else:
                answer = os.fork()
                if answer == 0:
                    os.close(asked.detach())
                    return _Job(**what)
            file.write(json.dumps(answer) + "\n")
            file.flush()
    return None


def _ended(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _run(main: Callable[[], None]) -> NoReturn:
    """As an interpreter does at the end of its program, but for taking apart what was imported, which takes seconds."""
    code = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)


def _main() -> None:
    for name in _IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()
    job = _serve(int(sys.argv[1]))
    if job is not None:
        job.become()
        _run(import_module(COMMAND[1]).main)


if __name__ == "__main__":
    _main()
