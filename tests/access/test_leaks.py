"""Tokens that were used everywhere are found nowhere: logs, answers, processes, metrics, database."""

import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from lrtune.service.cli.main import app as command_line
from lrtune.service.optuna_client import ServiceStorage
from lrtune.service.wire.access.bodies import CreatedToken
from lrtune.service.wire.access.secrets import PREFIX_LENGTH, digest_of
from tests.access.conftest import bearer
from tests.access.promised import DOORS, FOLDERS, STUDY
from tests.end_to_end.conftest import START_SECONDS, environ
from tests.faults.conftest import until
from tests.support.processes import Program, Programs

_COMMAND = [sys.executable, "-m", "lrtune.service.cli.main"]


@dataclass
class Searched:
    """All that was said, by where; and the secrets that must not be in it."""

    said: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def note(self, where: str, what: bytes | str) -> None:
        found = what.encode() if isinstance(what, str) else what
        self.said[where] = self.said.get(where, b"") + b"\n" + found

    def hits(self, *, digests: bool) -> list[str]:
        """Where which secret is, by name; `digests`: or what is kept of it."""
        found = []
        for name, secret in self.secrets.items():
            forms = {"secret": secret[PREFIX_LENGTH:].encode(), "base64": base64.b64encode(secret.encode())}
            if digests:
                forms["digest"] = digest_of(secret.encode()).encode()
            found += [
                f"{form} of {name} in {where}"
                for where in self.said
                for form in forms
                if forms[form] in self.said[where]
            ]
        return found


def _cmdlines() -> bytes:
    """As `ps` shows them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(found)


def _dump(url: str) -> Iterator[bytes]:
    """All that the database holds: its files where it is one, and every row of every table."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "")
        yield from (one.read_bytes() for one in path.parent.glob(f"{path.name}*"))
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            for table in inspect(engine).get_table_names():
                yield repr(connection.execute(text(f'select * from "{table}"')).all()).encode()
    finally:
        engine.dispose()


class Stage:
    """A service with the most talkative log, and commands that use it."""

    def __init__(self, programs: Programs, url: str, folder: Path) -> None:
        self._programs, self.url, self.folder = programs, url, folder
        variables = {"LRTUNE_STORAGE": url, "LRTUNE_LOG_LEVEL": "debug"}
        self.served: Program = programs.start(
            [*_COMMAND, "serve", "--port", "0", "--optuna-port", "0", "--dashboard"], environ(**variables)
        )
        said = self.served.wait_for_line(r"^lrtune serving on (http://127.0.0.1:\d+)$", START_SECONDS)
        self.address = said[1]
        grpc = self.served.wait_for_line(r"^lrtune serving Optuna's gRPC protocol on (\S+):(\d+)$", START_SECONDS)
        self.grpc = grpc[1], int(grpc[2])
        self.http = httpx2.Client(base_url=self.address, timeout=60)
        self.searched = Searched()

    def command(self, *arguments: str, code: int = 0, **variables: str) -> Program:
        """Run one to its end; what it prints is searched, but for its output where that is the secret."""
        env = environ(LRTUNE_SERVER=self.address, XDG_CONFIG_HOME=str(self.folder / "none"), **variables)
        ran = self._programs.start([*_COMMAND, *arguments], env)
        while ran.poll() is None:
            self.searched.note("ps", _cmdlines())
        assert ran.wait(1) == code, ran
        told = arguments[:2] in (("token", "create"), ("token", "rotate"))
        self.searched.note(f"lrtune {' '.join(arguments)}", ran.stderr + ("" if told else ran.stdout))
        return ran

    def ask(self, method: str, path: str, **request: Any) -> httpx2.Response:
        answer = self.http.request(method, path, **request)
        self.searched.note(f"{method} {path.partition('?')[0]}", answer.content + repr(answer.headers.raw).encode())
        return answer


def _through_every_door(stage: Stage, secret: str) -> None:
    for door in [*DOORS, *FOLDERS]:
        for body in {repr(door.body): door.body, "bad": {"role": secret, "lease": secret, "state": secret}}.values():
            request: dict[str, Any] = {} if door.method in ("GET", "HEAD", "DELETE") else {"json": body or {}}
            stage.ask(door.method, door.request, headers=bearer(secret), **request)


def _in_all_wrong_ways(stage: Stage, secret: str) -> None:
    path = f"/v1/studies/{STUDY}"
    for headers in (
        *({"Authorization": f"Basic {secret}"}, {"Authorization": secret}, {"Authorization": f"Bearer {secret}x"}),
        *({"Cookie": f"lrtune_session={secret}"}, {"X-Token": secret}, {"Authorization": f"Bearer Bearer {secret}"}),
    ):
        assert stage.ask("GET", path, headers=headers).status_code == 401
    stage.ask("GET", f"{path}/{secret}", headers=bearer(secret))
    stage.ask("GET", f"{path}?token={secret}", headers=bearer(secret))
    stage.ask("DELETE", f"/v1/tokens/{secret}", headers=bearer(secret))
    bad = {"Content-Type": "application/json"} | bearer(secret)
    for content in (f'{{"role": "{secret}"', f'"{secret}"', f'["{secret}"]', f'{{"name": "{secret}!", "role": 1}}'):
        for to in ("/v1/tokens", "/v1/studies", f"{path}/trials"):
            stage.ask("POST", to, content=content.encode(), headers=bad)
    held_name = stage.ask("POST", "/v1/tokens", json={"role": "viewer", "name": f"my {secret}"}, headers=bearer(secret))
    assert held_name.status_code in (403, 422)


def _signed_in(stage: Stage, secret: str) -> str:
    """By a browser; the secret of its cookie."""
    origin = {"Origin": stage.address}
    answer = stage.http.post("/sign-in", data={"token": secret}, headers=origin)
    assert answer.status_code == 303, answer.text
    session = str(answer.cookies["lrtune_session"]).strip('"')
    stage.searched.note("POST /sign-in", answer.content)
    stage.http.cookies.clear()
    cookie = {"Cookie": f"lrtune_session={session}"}
    for path in ("/docs", "/dashboard", "/v1/me", "/sign-in", f"/v1/studies/{STUDY}/trials.csv"):
        assert stage.ask("GET", path, headers=cookie).status_code == 200
    stage.http.cookies.clear()
    for wrong in (secret + "x", f"lrt_{secret}", ""):
        assert stage.ask("POST", "/sign-in", data={"token": wrong}, headers=origin).status_code in (401, 429)
    assert stage.ask("POST", "/sign-out", headers=cookie | origin).status_code == 303
    stage.http.cookies.clear()
    return session


def _train(stage: Stage, secret: str) -> None:
    script, token = stage.folder / "script.py", stage.folder / "worker-token"
    script.write_text("def train(trial):\n    trial.report(1, 0.5)\n")
    token.write_text(f"{secret}\n")
    token.chmod(0o600)
    options = ("--study", STUDY, "--task", f"{script}:train")
    stage.command("worker", *options, LRTUNE_TOKEN_FILE=str(token))
    stage.command("worker", *options, LRTUNE_TOKEN=secret)
    stage.command("worker", *options, code=1, LRTUNE_TOKEN=secret[:-1])


@pytest.fixture
def stage(tmp_path: Path, storage_url: str) -> Iterator[Stage]:
    with Programs(tmp_path / "programs") as programs:
        yield Stage(programs, storage_url, tmp_path)


def test_a_token_that_was_used_everywhere_is_found_nowhere(stage: Stage) -> None:
    searched = stage.searched
    admin = stage.command("token", "create", "--role", "admin", "--name", "ops").stdout.strip()
    searched.secrets["admin"] = admin
    by_admin = {"LRTUNE_TOKEN": admin}
    spec = {"name": STUDY, "max_trials": 4, "max_steps": 1, "pruner": {"name": "none"}}
    assert stage.ask("POST", "/v1/studies", json=spec, headers=bearer(admin)).status_code == 201
    worker = json.loads(stage.command("token", "create", "--role", "worker", "--json", **by_admin).stdout)
    searched.secrets["worker"] = worker["secret"]
    _train(stage, worker["secret"])
    storage = ServiceStorage(host=stage.grpc[0], port=stage.grpc[1], token=worker["secret"])
    assert storage.get_study_id_from_name(STUDY) == 1
    for name in ("admin", "worker"):
        _through_every_door(stage, searched.secrets[name])
        _in_all_wrong_ways(stage, searched.secrets[name])
        searched.secrets[f"{name}'s browser"] = _signed_in(stage, searched.secrets[name])
    rotated = stage.command("token", "rotate", worker["id"], "--grace", "1h", **by_admin).stdout.strip()
    searched.secrets["rotated"] = rotated
    stage.command("token", "list", **by_admin)
    stage.command("audit", **by_admin)
    stage.command("token", "revoke", rotated[:PREFIX_LENGTH], **by_admin)
    stage.command("study", "list", code=1, LRTUNE_TOKEN=rotated)
    searched.note("metrics", stage.ask("GET", "/metrics", headers=bearer(admin)).content)
    assert searched.hits(digests=True) == []
    until(lambda: "token revoked" in stage.served.stderr)
    searched.said = {"log": (stage.served.stdout + stage.served.stderr).encode()}
    assert searched.hits(digests=True) == []
    searched.said = {"database": b"".join(_dump(stage.url))}
    assert searched.hits(digests=False) == []
    assert digest_of(admin.encode()).encode() in searched.said["database"], "it is searched where tokens are"
    stage.served.terminate(30)
    searched.said = {"log": stage.served.stderr.encode(), "database": b"".join(_dump(stage.url))}
    assert searched.hits(digests=False) == []


def test_the_search_finds_what_is_there() -> None:
    searched = Searched(
        {"log": b"... lrt_AbCd1234efgh5678 ..."}, {"one": "lrt_AbCd1234efgh5678", "two": "lrt_AbCd1234xxxx"}
    )
    assert searched.hits(digests=True) == ["secret of one in log"]


def test_a_created_token_does_not_show_its_secret_where_it_is_printed_or_logged() -> None:
    told = {"id": "a", "prefix": "lrt_AbCd1234", "name": "", "role": "viewer", "scopes": ["*"], "created_by": "me"}
    times = dict.fromkeys(("expires_at", "last_used_at", "revoked_at"))
    made = CreatedToken.model_validate(
        {**told, **times, "created_at": "2030-01-01T00:00:00Z", "limits": {}, "secret": "lrt_AbCd1234efgh"}
    )
    assert "efgh" not in repr(made) + str(made)


def test_no_traceback_of_a_command_shows_what_its_variables_hold() -> None:
    assert command_line.pretty_exceptions_enable is False
