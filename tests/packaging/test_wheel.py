"""What pip installs is all that is needed, and no more."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import httpx2

from tests.support.processes import Program, Programs, bare_environ

ROOT = Path(__file__).parents[2]
PACKAGES = ("service", "trainers", "migrations")
"""The folders of the checkout that the import package `lrtune` is made of."""


def files_of_the_checkout() -> set[str]:
    """All that belongs to the packages, as it is called inside `lrtune`: sources, and whatever lies beside them."""
    own = {f"lrtune/{path.name}" for path in (ROOT / "lrtune").iterdir() if path.is_file()}
    return own | {
        f"lrtune/{path.relative_to(ROOT).as_posix()}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def names_in(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    expected = files_of_the_checkout()
    assert any(name.startswith("lrtune/migrations/versions/r") for name in expected)
    assert {name for name in names_in(wheel) if name.startswith("lrtune/")} == expected


def test_the_wheel_holds_the_licence(wheel: Path) -> None:
    assert [name for name in names_in(wheel) if name.endswith(".dist-info/licenses/LICENSE")]


def test_site_packages_gets_lrtune_and_nothing_else(wheel: Path) -> None:
    assert {name.split("/")[0] for name in names_in(wheel)} == {"lrtune", f"{wheel.name.rsplit('-', 3)[0]}.dist-info"}


def test_the_source_distribution_holds_the_same_files(tmp_path: Path) -> None:
    """Files, not links: what is built from it is the wheel above."""
    build = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stdout + built.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
    assert all(member.isfile() for member in members)
    names = {member.name.partition("/")[2] for member in members}
    assert {name for name in names if name.startswith("lrtune/")} == files_of_the_checkout()


def serve(programs: Programs, service_host: Path, folder: Path) -> tuple[Program, str]:
    """The service from the wheel on a new SQLite file, with optuna-dashboard; its address."""
    env = bare_environ(service_host, folder)
    storage = f"sqlite:///{folder / 'lrtune.db'}"
    service = programs.start(
        [str(service_host / "lrtune"), "serve", "--port", "0", "--storage", storage, "--dashboard"], env
    )
    return service, service.wait_for_line(r"^lrtune serving on (http://\S+)$", timeout_seconds=30)[1]


def test_the_checkout_is_out_of_reach(programs: Programs, service_host: Path, tmp_path: Path) -> None:
    """Else the tests below would prove nothing."""
    look = (
        "import importlib.util as u; from lrtune import service, trainers, migrations;"
        "print(service.__file__, trainers.__file__, migrations.__file__, u.find_spec('tests'), sep='\\n')"
    )
    looked = programs.run([str(service_host / "python"), "-c", look], bare_environ(service_host, tmp_path))
    *files, tests = looked.stdout.splitlines()
    assert tests == "None"
    assert len(files) == len(PACKAGES)
    assert all(Path(file).is_relative_to(service_host.parent) for file in files)


def test_an_installed_wheel_serves(programs: Programs, service_host: Path, tmp_path: Path) -> None:
    service, address = serve(programs, service_host, tmp_path)

    assert httpx2.get(f"{address}/readyz").status_code == 200
    created = httpx2.post(f"{address}/v1/studies", json={"name": "from-a-wheel"})
    assert created.status_code == 201, created.text
    assert httpx2.get(f"{address}/docs").status_code == 200
    assert "style.css" in httpx2.get(f"{address}/").text
    assert httpx2.get(f"{address}/assets/look/style.css").status_code == 200
    assert httpx2.get(f"{address}/studies/from-a-wheel").status_code == 200
    assert httpx2.get(f"{address}/optuna/", follow_redirects=True).status_code == 200

    assert service.terminate(timeout_seconds=15) == 0, service


def test_a_gpu_host_trains_for_a_service_elsewhere(
    programs: Programs, service_host: Path, gpu_host: Path, tmp_path: Path
) -> None:
    _, address = serve(programs, service_host, tmp_path)
    study = {"name": "digits", "max_trials": 2, "max_steps": 2}
    assert httpx2.post(f"{address}/v1/studies", json=study).status_code == 201

    work = ["worker", "--server", address, "--study", "digits", "--task", "digits"]
    worker = programs.run([str(gpu_host / "lrtune"), *work], bare_environ(gpu_host, tmp_path), 60)

    assert worker.poll() == 0, worker
    status = httpx2.get(f"{address}/v1/studies/digits/status").json()
    assert sum(status["trials"].values()) == 2, status
    assert status["trials"]["failed"] == 0, status
    assert status["state"] == "finished", status
