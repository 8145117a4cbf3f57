"""`lrtune serve --processes`: several processes of the service on one port, under one that starts and ends them.

All accept from one listening socket, which this process opened: what waits in it outlives each of them. Each listens
at a port of its own, too, on loopback unless `--advertise` names another address: there the others find it, and
Prometheus.
"""

import logging
import multiprocessing
import multiprocessing.synchronize
import os
import signal
import socket
import threading
import time
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from types import FrameType
from urllib.parse import urlsplit

from lrtune.service import log_lines
from lrtune.service.listening import CannotServe, check_sharing, listen
from lrtune.service.server import run, shown_address
from lrtune.service.settings import Settings
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.maintenance.upgrade import check_can_open

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_AGAIN_AFTER_SECONDS = 1.0
_HANDING_OVER_SECONDS = 5.0
"""How long one that ends may take to hand its shards over before the next one is told to end."""
_END_SECONDS = 15.0
_KILL_SECONDS = 5.0

_spawn = multiprocessing.get_context("spawn")


def run_processes(settings: Settings, count: int) -> None:
    """Serve by so many processes until SIGTERM or Ctrl-C; one that dies is started again.

    Raises StorageError where the storage cannot be opened or shared; CannotServe where the service cannot listen, or a
    process ends before it serves.
    """
    settings = settings.model_copy(update={"advertise": settings.advertise or "http://127.0.0.1:0"})
    if settings.certificate is not None:
        raise CannotServe(
            "--processes and --certificate exclude each other: leave --certificate out, and let a proxy before the "
            "service end TLS",
            2,
        )
    check_sharing(settings)
    Database(settings.storage, shared=True).close()
    check_can_open(settings.storage)
    log_lines.configure(settings.log_level, settings.log_format, access=settings.access_log)
    with listen(settings.host, settings.port) as bound:
        Supervisor(settings, bound, count).run()


class Supervisor:
    """The processes of one service on this machine."""

    def __init__(self, settings: Settings, bound: socket.socket, count: int) -> None:
        self._settings, self._bound = settings, bound
        self._port = bound.getsockname()[1]
        self._ready = [_spawn.Event() for _ in range(count)]
        self._processes: list[SpawnProcess] = []
        self._again_at: dict[int, float] = {}
        self._ending = threading.Event()

    def run(self) -> None:
        """Start them, look after them, and end them on a signal. Raises CannotServe; none is left then."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        try:
            self._processes = [self._start(place) for place in range(len(self._ready))]
            self._wait_ready()
            while not self._ending.is_set():
                connection.wait([one.sentinel for one in self._processes if one.is_alive()], timeout=_LOOK_SECONDS)
                self._start_again()
        finally:
            self._end_all()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending.set()

    def _start(self, place: int) -> SpawnProcess:
        port = self._port + 1 + place if self._settings.port else 0
        process = _spawn.Process(
            target=_serve,
            args=(self._settings, self._bound, port, self._ready[place]),
            name=f"lrtune-serve-{place + 1}",
            daemon=False,
        )
        process.start()
        return process

    def _wait_ready(self) -> None:
        while not all(ready.is_set() for ready in self._ready):
            if self._ending.is_set():
                return
            for one in self._processes:
                if one.exitcode is not None:
                    raise CannotServe(f"{one.name} ended before it served: see the log above", abs(one.exitcode) or 1)
            self._ready[-1].wait(0.05)
        print(f"lrtune serving on {shown_address(self._bound, 'http')}", flush=True)

    def _start_again(self) -> None:
        now = time.monotonic()
        for place, one in enumerate(self._processes):
            if one.exitcode is None or self._ending.is_set():
                continue
            due = self._again_at.setdefault(place, now + _AGAIN_AFTER_SECONDS)
            if due <= now:
                _log.warning("%s has ended (%s), and is started again", one.name, one.exitcode)
                del self._again_at[place]
                one.close()
                self._processes[place] = self._start(place)

    def _end_all(self) -> None:
        """One after the other, so that each hands its shards over, and the last finishes what is under way."""
        deadline = time.monotonic() + _HANDING_OVER_SECONDS * len(self._processes) + _END_SECONDS
        for one in self._processes:
            one.terminate()
            one.join(timeout=_HANDING_OVER_SECONDS)
        for one in self._processes:
            one.join(timeout=max(0.0, deadline - time.monotonic()))
            if one.is_alive():
                _log.warning("%s does not end: killed", one.name)
                one.kill()
                one.join(timeout=_KILL_SECONDS)


def _serve(settings: Settings, bound: socket.socket, port: int, ready: multiprocessing.synchronize.Event) -> None:
    """What a process does: serve until it is told to end, or the one that started it has gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    _end_with(parent.sentinel)
    own_host = urlsplit(settings.advertise or "").hostname or "127.0.0.1"
    try:
        with bound, listen(own_host, port) as own:
            run(settings, shared=bound, own=own, on_started=ready.set)
    except CannotServe as error:
        _log.error("%s", error)
        raise SystemExit(error.exit_code) from None
    except StorageError as error:
        _log.error("%s", error)
        raise SystemExit(1) from None


def _end_with(sentinel: int) -> None:
    def watch() -> None:
        connection.wait([sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lrtune-owner", daemon=True).start()
