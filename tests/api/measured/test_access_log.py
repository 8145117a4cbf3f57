"""The access log, as text and as JSON; and lines of the log that say for which request they are."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from lrtune.service import log_lines
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.service.wire.access.secrets import new_secret
from tests.api.calls import StudyCalls
from tests.api.test_tokens import bearer, made
from tests.support import migrated


class Log:
    """What the service writes, in place of standard error."""

    def __init__(self) -> None:
        self._written = io.StringIO()

    def configure(self, *arguments: Any, **options: Any) -> None:
        """As the service does. The handlers of pytest are spared: they would be closed."""
        logging.getLogger().handlers.clear()
        log_lines.configure(*arguments, **options)
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(self._written)

    @property
    def text(self) -> str:
        return self._written.getvalue()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Those of JSON about one event."""
        return [line for line in map(json.loads, self.text.splitlines()) if line["event"] == event]


@pytest.fixture
def log() -> Iterator[Log]:
    loggers = [logging.getLogger(name) for name in ("", "alembic", "uvicorn.error", "a2wsgi", "lrtune.access")]
    levels = [logger.level for logger in loggers]
    yield Log()
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]:
        logging.getLogger().removeHandler(handler)


@contextmanager
def service(folder: Path, **settings: Any) -> Iterator[TestClient]:
    storage = f"sqlite:///{folder}/lrtune.db"
    migrated.make(storage)
    with TestClient(create_app(Settings(storage=storage, **settings)), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def logged(tmp_path: Path, log: Log) -> Iterator[TestClient]:
    with service(tmp_path, access_log=True) as client:
        log.configure("warning", "json", access=True)
        yield client


def test_a_request_leaves_a_line_with_its_study_trial_worker_and_token(logged: TestClient, log: Log) -> None:
    admin = made(logged, role="admin")
    logged.headers |= bearer(admin)
    assert logged.post("/v1/studies", json={"name": "digits", "max_steps": 5}).status_code == 201
    study = StudyCalls(logged, "digits")
    trial = study.lease(worker="gpu-1:7")
    logged.headers["x-request-id"] = "of-the-proxy-17"
    study.verdict(trial, (1, 0.5))
    asked, reported = log.lines("request")[-2:]
    assert (asked["worker"], asked["trial"], asked["status"], asked["level"]) == ("gpu-1:7", 0, 201, "info")
    assert reported["path"] == "/v1/studies/digits/trials/0/reports"
    told = ("method", "status", "study", "trial", "worker", "token", "request", "address")
    expected = ("POST", 200, "digits", 0, "gpu-1:7", admin["id"], "of-the-proxy-17", "testclient")
    assert tuple(reported[name] for name in told) == expected
    assert 0 < reported["seconds"] < 10
    assert reported["bytes"] > 10


def test_a_query_and_a_token_in_a_path_stay_out_of_it(logged: TestClient, log: Log) -> None:
    secret = new_secret()
    made(logged, role="admin")
    assert logged.get(f"/v1/studies/{secret}?limit=5&access_token={secret}").status_code == 401
    said = log.text
    assert secret not in said
    assert "limit=5" not in said
    assert "holds a token" in said


def test_a_request_id_that_is_not_fit_for_a_log_is_replaced(logged: TestClient, log: Log) -> None:
    for given in ("a" * 129, 'b"c', "d e"):
        logged.get("/healthz", headers={"x-request-id": given})
    told = [line["request"] for line in log.lines("request")]
    assert len(set(told)) == 3
    assert all(len(request) == 16 for request in told)


def test_one_that_is_refused_leaves_a_line_too(logged: TestClient, log: Log) -> None:
    logged.get("/v1/studies", headers={"host": "elsewhere.example"})
    logged.get("/no/such/path")
    assert [line["status"] for line in log.lines("request")] == [421, 404]


def test_there_is_none_unless_it_is_asked_for(tmp_path: Path, log: Log) -> None:
    with service(tmp_path) as client:
        log.configure("info", "json")
        client.get("/healthz")
        client.post("/v1/studies", json={"name": "digits"}, headers={"x-request-id": "17"})
        said = [line for line in map(json.loads, log.text.splitlines()) if line["logger"].startswith("lrtune")]
    assert [line["event"] for line in said] == ["study created"]


def test_other_lines_say_for_which_request_they_are(tmp_path: Path, log: Log) -> None:
    with service(tmp_path) as client:
        admin = made(client, role="admin")
        log.configure("info", "json")
        headers = {**bearer(admin), "x-request-id": "17"}
        client.post("/v1/studies", json={"name": "digits"}, headers=headers)
        client.post("/v1/studies/digits/trials/enqueue", json={"params": {"learning_rate": 0.1}}, headers=headers)
        (enqueued,) = log.lines("trial enqueued")
    assert (enqueued["request"], enqueued["study"], enqueued["token"]) == ("17", "digits", admin["id"])
    assert list(enqueued)[:4] == ["timestamp", "level", "logger", "event"]


def test_text_lines_begin_with_time_level_logger_and_event(log: Log) -> None:
    log.configure("info")
    logging.getLogger("lrtune.x").info("a thing", extra={"study": "a\nb"})
    (line,) = log.text.splitlines()
    assert line.startswith("timestamp=")
    assert line.endswith("level='info' logger='lrtune.x' event='a thing' study='a\\nb'")


def test_a_traceback_is_one_line_of_json(log: Log) -> None:
    log.configure("info", "json")
    try:
        raise ArithmeticError("no")
    except ArithmeticError:
        logging.getLogger("lrtune.x").exception("a thing failed", extra={"what": Path("/x")})
    (line,) = log.text.splitlines()
    assert "ArithmeticError: no" in json.loads(line)["exception"]


def test_a_form_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="'text' or 'json'"):
        Settings.model_validate({"log_format": "xml"})
