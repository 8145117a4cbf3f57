"""The Dockerfile, as far as it can be proved without Docker."""

import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import trustme

from lrtune.service.wire.access.secrets import new_secret
from tests.deploy.compose import load
from tests.deploy.dockerfile import stages
from tests.support.processes import Program, Programs, bare_environ

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
IMAGES = ("service", "worker")


def test_a_plain_build_makes_the_service() -> None:
    assert list(stages())[-1] == "service"


def test_the_compose_file_builds_stages_that_exist() -> None:
    built = {one["build"]["target"] for one in load().values() if "build" in one}
    assert built == set(IMAGES)
    assert built <= stages().keys()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_does_not_run_as_root(image: str) -> None:
    (user,) = stages()[image].arguments("USER")
    assert int(user.split(":")[0]) > 0  # a number, so that Kubernetes can tell


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_starts_a_command_that_exists(image: str, programs: Programs, tmp_path: Path) -> None:
    program, *arguments = stages()[image].command
    shown = programs.run([str(BIN / program), *arguments, "--help"], bare_environ(BIN, tmp_path))
    assert shown.poll() == 0, shown


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_installs_by_hashes_and_resolves_nothing_by_itself(image: str) -> None:
    build = stages()[f"build-{image}"]
    assert f"REQUIREMENTS={image}" in build.arguments("ARG")
    (install,) = build.arguments("RUN")
    for command in re.findall(r"pip (?:install|wheel) [^&;]*", install + stages()["source"].arguments("RUN")[1]):
        assert "--no-deps" in command
        assert "--require-hashes" in command or "--no-index" in command or "TORCH_INDEX_URL" in command
    assert any(f"--from=build-{image} " in line for line in stages()[image].arguments("COPY"))


def test_what_the_images_copy_is_enough_to_build_the_package(tmp_path: Path) -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [name for line in stages()["source"].arguments("COPY") for name in line.split()[:-1]]
    assert set(copied) == sent  # Docker sees nothing that .dockerignore keeps back

    source = tmp_path / "src"
    source.mkdir()
    for name in copied:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True)
        else:
            shutil.copy(ROOT / name, source / name)
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(source),
    ]
    built = subprocess.run(build, capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert "lrtune/service/cli/main.py" in zipfile.ZipFile(wheel).namelist()


@dataclass
class Image:
    """The service image, as a process."""

    programs: Programs
    folder: Path

    def start(self, **settings: str) -> Program:
        image = stages()["service"]
        given = {"LRTUNE_PORT": "0", "LRTUNE_STORAGE": f"sqlite:///{self.folder / 'lrtune.db'}"}
        program, *arguments = image.command
        environ = bare_environ(BIN, self.folder, **(image.environ | given | settings))
        return self.programs.start([str(BIN / program), *arguments], environ)

    def check(self, **settings: str) -> int | None:
        """The exit code of its health check."""
        python, *check = stages()["service"].health_command
        assert python == "python"
        return self.programs.run([sys.executable, *check], bare_environ(BIN, self.folder, **settings)).poll()

    def secret(self, mode: int = 0o444) -> Path:
        file = self.folder / "admin-token"
        file.write_text(new_secret() + "\n")
        file.chmod(mode)
        return file


@pytest.fixture
def image(programs: Programs, tmp_path: Path) -> Image:
    return Image(programs, tmp_path)


def test_the_service_image_does_not_start_without_a_token_and_says_what_to_do(image: Image) -> None:
    service = image.start()
    assert service.wait(timeout_seconds=30) == 2
    assert service.stdout == ""
    assert "LRTUNE_ADMIN_TOKEN_FILE" in service.stderr
    assert "lrtune token create --role admin --offline" in service.stderr
    assert service.stderr.count("\n") == 1


def test_the_service_image_serves_and_tells_its_health(image: Image) -> None:
    service = image.start(LRTUNE_ADMIN_TOKEN_FILE=str(image.secret()))
    port = service.wait_for_line(r"^lrtune serving on http://0\.0\.0\.0:(\d+)$", timeout_seconds=30)[1]
    assert httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    assert httpx2.get(f"http://127.0.0.1:{port}/v1/studies").status_code == 401

    assert image.check(LRTUNE_PORT=port) == 0
    assert service.terminate(timeout_seconds=15) == 0, service
    assert image.check(LRTUNE_PORT=port) == 1


def test_the_service_image_tells_its_health_by_https(image: Image) -> None:
    certificate = image.folder / "pair.pem"
    trustme.CA().issue_cert("lrtune.example").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    tls = {"LRTUNE_CERTIFICATE": str(certificate)}
    service = image.start(LRTUNE_ADMIN_TOKEN_FILE=str(image.secret()), **tls)
    port = service.wait_for_line(r"^lrtune serving on https://0\.0\.0\.0:(\d+)$", timeout_seconds=30)[1]
    assert image.check(LRTUNE_PORT=port, **tls) == 0
