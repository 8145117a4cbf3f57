"""Statements to PostgreSQL in one round trip, sent and answered without a thread: libpq's pipeline, on prepared
statements.

psycopg's own pipeline waits in the thread that calls it, and took 1.03 ms of processor time for a batch of a dozen
rows; on `psycopg.pq`, the layer below, which is public as well, such a batch took about 0.2 ms, and the event loop can
watch the socket.
"""

import re
import select
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from lrtune.service.storage.sql.execution import Answer, Rows

_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")
_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


@dataclass(frozen=True)
class Prepared:
    """A statement by the name under which a connection knows it; `names` are its parameters, in order."""

    name: bytes
    text: bytes
    names: tuple[str, ...]


class Pipeline:
    """One connection's pipeline. `execute` and `send` go out with `sync`; then call `advance` whenever the socket is
    readable (or writable, while `unsent`), until it says that all has been answered.

    After an error nothing of what came later up to the `sync` has run; `advance` raises it when all has been answered.
    """

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._pgconn: PGconn = connection.pgconn
        self._known: dict[str, Prepared] = {}
        self._numbered = 0
        self._awaited: deque[Callable[[PGresult], None] | None] = deque()
        self._error: psycopg.Error | None = None
        self._unsent = False

    @property
    def socket(self) -> int:
        """The descriptor to watch."""
        return self._pgconn.socket

    @property
    def unsent(self) -> bool:
        """Whether some of it waits for room in the socket."""
        return self._unsent

    def begin(self) -> None:
        """Enter the pipeline; nothing else may use the connection until `end`."""
        self._error = None
        self._pgconn.enter_pipeline_mode()

    def end(self) -> bool:
        """Leave the pipeline, all having been answered; whether a transaction is still open."""
        self._pgconn.exit_pipeline_mode()
        return self._pgconn.transaction_status != TransactionStatus.IDLE

    def execute(self, text: str, rows: Rows) -> Answer:
        """Run a statement with one row of parameters, or with each of several."""
        prepared = self._known.get(text) or self._prepare(text)
        answer = Answer()

        def take(result: PGresult) -> None:
            answer.written += result.command_tuples or 0
            for row in range(result.ntuples):
                answer.rows.append(tuple(int(result.get_value(row, i) or 0) for i in range(result.nfields)))

        for row in rows if isinstance(rows, list) else (rows,):
            self._pgconn.send_query_prepared(prepared.name, [encoded(row[name]) for name in prepared.names])
            self._awaited.append(take)
        return answer

    def send(self, text: bytes) -> None:
        """Run a statement without parameters that is not worth preparing."""
        self._pgconn.send_query_params(text, None)
        self._awaited.append(_nothing)

    def _prepare(self, text: str) -> Prepared:
        self._numbered += 1
        sent, names = numbered(text)
        prepared = Prepared(b"lrtune_%d" % self._numbered, sent, names)

        def take(_result: PGresult) -> None:
            self._known[text] = prepared

        self._pgconn.send_prepare(prepared.name, prepared.text)
        self._awaited.append(take)
        return prepared

    def sync(self) -> None:
        """Send it all. Raises psycopg.OperationalError where the connection is lost."""
        self._pgconn.pipeline_sync()
        self._awaited.append(None)
        self._flush()

    def _flush(self) -> None:
        self._unsent = bool(self._pgconn.flush())

    def advance(self) -> bool:
        """Take in what has arrived; whether all has been answered. Raises psycopg.Error."""
        pgconn = self._pgconn
        if self._unsent:
            self._flush()
        pgconn.consume_input()
        nothing = 0
        while self._awaited:
            if pgconn.is_busy():  # To be asked before each result: without one, the next call would wait for it.
                return False
            result = pgconn.get_result()
            if result is not None:
                self._take(result)
                nothing = 0
                continue
            nothing += 1  # One such lies between the results of two statements.
            if pgconn.status != ConnStatus.OK or nothing > 1:
                raise psycopg.OperationalError(pgconn.error_message.decode(errors="replace").strip() or "disconnected")
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return True

    def _take(self, result: PGresult) -> None:
        take = self._awaited.popleft()
        if take is None and result.status == ExecStatus.PIPELINE_SYNC:
            return
        if take is not None and result.status in _DONE:
            take(result)
        elif self._error is None:  # What follows an error is answered by PIPELINE_ABORTED.
            self._error = error_of(result)

    def poll(self, seconds: float) -> None:
        """Block until there is something to take in. Raises psycopg.OperationalError where that takes too long."""
        watched = select.poll()
        watched.register(self.socket, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        if not watched.poll(1000 * seconds):
            raise psycopg.OperationalError(f"no answer within {seconds:.0f} s")


def numbered(text: str) -> tuple[bytes, tuple[str, ...]]:
    """A statement with its named placeholders as `$1`, `$2`, …, and the names in their order."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PLACEHOLDER.sub(number, text).encode(), tuple(names)


def encoded(value: Any) -> bytes | None:
    """A parameter as PostgreSQL reads it. Raises psycopg.DataError for what no text can hold."""
    match value:
        case None:
            return None
        case str():
            if "\0" in value:
                raise psycopg.DataError("PostgreSQL text cannot hold NUL (0x00) characters")
            return value.encode()
        case bool():
            return b"t" if value else b"f"
        case int() | float():
            return repr(value).encode()
        case list():
            return b"{%b}" % b",".join(_element(one) for one in value)
        case _:
            raise TypeError(f"no {type(value).__name__} is sent to the database")


def _element(value: Any) -> bytes:
    """A member of an array, as PostgreSQL reads it."""
    text = encoded(value)
    if text is None:
        return b"NULL"
    return b'"%b"' % text.replace(b"\\", rb"\\").replace(b'"', rb"\"") if isinstance(value, str) else text


def error_of(result: PGresult) -> psycopg.Error:
    """The error that a result tells, as psycopg's exception of its kind."""
    state = result.error_field(DiagnosticField.SQLSTATE)
    message = result.error_field(DiagnosticField.MESSAGE_PRIMARY) or result.error_message or b"no answer"
    try:
        kind = psycopg.errors.lookup((state or b"").decode())
    except KeyError:
        kind = psycopg.OperationalError
    return kind(message.decode(errors="replace").strip())


def _nothing(_result: PGresult) -> None:
    pass
