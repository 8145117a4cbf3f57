"""docker-compose.yml: valid, closed where it can be, and its parts start as it says, without Docker."""

import re
import subprocess
import time
from ipaddress import ip_address
from pathlib import Path

import httpx2
import psycopg
import pytest
import yaml

from tests.deploy.compose import COMPOSE_FILE, ROOT, document, grace_seconds, load, secrets
from tests.deploy.stack import BIN, Stack, make_secrets
from tests.support.processes import POLL_SECONDS, Programs, bare_environ

SERVICES = load()
OURS = {name for name, one in SERVICES.items() if "build" in one}

SEVERAL_PROCESSES = ROOT / "deploy/several-processes.yml"


def test_it_follows_the_compose_specification(programs: Programs, tmp_path: Path) -> None:
    files = [str(COMPOSE_FILE), str(SEVERAL_PROCESSES)]
    check = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *files]
    checked = programs.run(check, bare_environ(BIN, tmp_path))
    assert checked.poll() == 0, checked


# What each part may reach


def _reach(name: str) -> set[str]:
    """The parts that it shares a network with."""
    mine = set(SERVICES[name]["networks"])
    return {other for other, one in SERVICES.items() if other != name and mine & set(one["networks"])}


def test_both_services_serve_where_each_says_where_the_other_finds_it() -> None:
    given = yaml.safe_load(SEVERAL_PROCESSES.read_text())["services"]
    assert given == {
        name: {"environment": {"LRTUNE_ADVERTISE": f"http://{name}:8080"}} for name in ("service-1", "service-2")
    }
    for name in given:
        assert name in SERVICES[name]["environment"]["LRTUNE_ALLOWED_HOSTS"].split(",")


def test_workers_reach_the_proxy_and_nothing_else() -> None:
    assert _reach("worker") == {"proxy"}


def test_the_database_is_reached_by_those_that_write_or_save_it() -> None:
    assert _reach("postgres") == {"migrate", "service-1", "service-2", "backup"}
    networks = document()["networks"]
    assert networks["database"]["internal"]
    assert networks["services"]["internal"]


def test_nothing_is_published_beyond_loopback_unless_somebody_says_so() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert published.keys() == {"proxy", "prometheus", "grafana"}
    for (port,) in published.values():
        assert ip_address(port.split(":")[0]).is_loopback


def test_the_services_believe_the_proxys_network_and_no_other() -> None:
    subnet = document()["networks"]["services"]["ipam"]["config"][0]["subnet"]
    assert document()["services"]["service-1"]["environment"]["LRTUNE_PROXIES"] == subnet


# What each part may do


@pytest.mark.parametrize("name", SERVICES)
def test_every_part_is_confined_limited_and_its_log_is_rotated(name: str) -> None:
    part = SERVICES[name]
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert part["security_opt"] == ["no-new-privileges:true"]
    assert part["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert part["logging"]["options"].keys() == {"max-size", "max-file"}
    if name != "postgres":  # Which begins as root, to make the data its own.
        assert "cap_add" not in part


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - OURS))
def test_an_image_of_others_is_of_one_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-alpine)?(@sha256:[0-9a-f]{64})?", SERVICES[name]["image"])


def test_what_is_to_last_lies_in_volumes() -> None:
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert "backups:/backups" in SERVICES["backup"]["volumes"]
    named = {v.split(":")[0] for one in SERVICES.values() for v in one.get("volumes", []) if not v.startswith(".")}
    assert named == document()["volumes"].keys()


def test_what_is_mounted_from_the_tree_is_there_and_read_only() -> None:
    mounts = [v.split(":") for one in SERVICES.values() for v in one.get("volumes", []) if v.startswith(".")]
    assert len(mounts) > 5
    for source, _, mode in mounts:
        assert mode == "ro"
        assert (ROOT / source).exists(), source


def test_workers_can_be_scaled() -> None:
    assert not {"container_name", "ports"} & SERVICES["worker"].keys()


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("migrate", {"postgres": "service_healthy"}),
        ("service-1", {"postgres": "service_healthy", "migrate": "service_completed_successfully"}),
        ("service-2", {"postgres": "service_healthy", "migrate": "service_completed_successfully"}),
        ("worker", {"proxy": "service_healthy"}),
        ("backup", {"migrate": "service_completed_successfully"}),
    ],
)
def test_each_part_waits_for_what_it_needs(name: str, needs: dict[str, str]) -> None:
    assert {other: wait["condition"] for other, wait in SERVICES[name]["depends_on"].items()} == needs


# Secrets


def test_every_part_is_given_its_own_secrets_as_files_and_no_other() -> None:
    given = {name: set(one.get("secrets", [])) for name, one in SERVICES.items()}
    of_a_service = {"postgres-password", "admin-token", "worker-token", "metrics-token"}
    assert given == {
        "postgres": {"postgres-password"},
        "migrate": {"postgres-password"},
        "service-1": of_a_service,
        "service-2": of_a_service,
        "proxy": set(),
        "worker": {"worker-token"},
        "backup": {"postgres-password"},
        "prometheus": {"metrics-token"},
        "grafana": {"grafana-password"},
    }
    assert set().union(*given.values()) == secrets().keys()


def test_no_variable_holds_a_secret() -> None:
    for name, one in SERVICES.items():
        for variable, value in one.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN", variable):
                assert str(value).startswith("/run/secrets/"), (name, variable)
    assert "POSTGRES_PASSWORD" not in SERVICES["postgres"]["environment"]


def test_secrets_are_made_once_and_are_good_ones(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    made = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert made.keys() == secrets().keys()
    assert len(set(made.values())) == len(made)
    assert all(len(text.strip()) >= 43 for text in made.values())
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    make_secrets(tmp_path)
    assert made == {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}


def test_the_secrets_stay_out_of_the_repository_and_of_the_images() -> None:
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert "!secrets" not in (ROOT / ".dockerignore").read_text().splitlines()


@pytest.mark.parametrize(("file", "pattern"), [(".gitignore", ".env"), (".dockerignore", "**/.env")])
def test_a_file_with_settings_goes_neither_into_git_nor_into_the_image(file: str, pattern: str) -> None:
    assert pattern in (ROOT / file).read_text().splitlines()


# As processes


def test_a_wrong_password_is_refused(stack: Stack) -> None:
    """Else the tests of this folder would not show that the password arrives."""
    host = re.findall(r"host=([^&]+)", stack.environ("service-1")["LRTUNE_STORAGE"])[0]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://lrtune:wrong@/lrtune?host={host}")


@pytest.mark.slow
def test_one_service_says_who_may_do_what_and_a_second_up_disturbs_nothing(stack: Stack) -> None:
    stack.migrate()
    service = stack.serve()
    stack.wait_until_ready("service-1")
    assert stack.healthy()
    address = f"http://127.0.0.1:{stack.ports['service-1']}"
    assert httpx2.get(f"{address}/v1/studies").status_code == 401
    worker = {"Authorization": f"Bearer {stack.token('worker')}"}
    assert httpx2.get(f"{address}/v1/me", headers=worker).json()["role"] == "worker"
    assert httpx2.post(f"{address}/v1/studies", headers=worker, json={"name": "mine"}).status_code == 403
    assert httpx2.get(f"{address}/v1/tokens", headers=worker).status_code == 403
    scraped = {"Authorization": f"Bearer {stack.token('metrics')}"}
    assert "lrtune_writer 1.0" in httpx2.get(f"{address}/metrics", headers=scraped).text

    stack.migrate()  # As `docker compose up --scale worker=4` does: it starts every part that has ended.
    assert stack.ready("service-1")

    assert service.terminate(grace_seconds(stack.services["service-1"])) == 0, service
    assert not stack.healthy()


@pytest.mark.slow
def test_backups_come_again_and_again_and_old_ones_go(stack: Stack) -> None:
    stack.migrate()
    folder = stack.folder / "backups"
    (folder / "of-mine.backup").touch()
    (folder / "2020-01-01T000000Z.backup").touch()
    stack.services["backup"]["environment"] |= {"BACKUP_EVERY_SECONDS": "1", "BACKUPS_KEPT": "2"}
    backup = stack.start("backup")
    seen: set[str] = set()
    deadline = time.monotonic() + 90
    while len(seen) < 3:
        assert time.monotonic() < deadline, backup
        assert backup.poll() is None, backup
        seen |= {file.name for file in folder.glob("2???-??-??T??????Z.backup") if file.stat().st_size}
        time.sleep(POLL_SECONDS)
    assert backup.terminate(grace_seconds(stack.services["backup"])) == 0, backup
    left = sorted(file.name for file in folder.iterdir())
    assert "of-mine.backup" in left
    assert "2020-01-01T000000Z.backup" not in left
    assert len(left) <= 1 + 2 + 1  # One may have been complete, and those before it not counted yet.
    latest = folder / sorted(seen)[-1]
    checked = subprocess.run(
        [str(BIN / "lrtune"), "db", "check", "--storage", f"sqlite:///{latest}"], capture_output=True, timeout=60
    )
    assert checked.returncode == 0, checked


def test_a_backup_that_fails_is_said_and_tried_again(stack: Stack, programs: Programs) -> None:
    (stack.folder / "secrets/postgres-password").write_text("wrong")
    stack.services["backup"]["environment"] |= {"BACKUP_EVERY_SECONDS": "1"}
    backup = stack.start("backup")
    deadline = time.monotonic() + 60
    while backup.stderr.count("password authentication failed") < 2:
        assert time.monotonic() < deadline, backup
        assert backup.poll() is None, backup
        time.sleep(POLL_SECONDS)
    assert not list((stack.folder / "backups").iterdir())


def test_what_a_part_is_told_is_what_the_files_head_names() -> None:
    head = "\n".join(line for line in COMPOSE_FILE.read_text().splitlines() if line.startswith("#"))
    variables = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE_FILE.read_text()))
    assert [name for name in sorted(variables) if name not in head] == []
