"""What the extras bring, and what the constraints pin."""

from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.environments import closure, own_distribution
from tests.support.processes import Programs, bare_environ

ROOT = Path(__file__).parents[2]
NOT_ON_A_GPU_HOST = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "optuna", "psycopg"}


@pytest.fixture(scope="module")
def lrtune(gpu_host: Path) -> Distribution:
    """lrtune as pip sees it."""
    (site_packages,) = gpu_host.parent.glob("lib/python*/site-packages")
    return own_distribution(site_packages)


def test_the_trainers_extra_brings_neither_fastapi_nor_sqlalchemy(lrtune: Distribution) -> None:
    brought = closure(lrtune, "trainers").keys()
    assert "torch" in brought
    assert not brought & NOT_ON_A_GPU_HOST


def test_the_service_extra_brings_no_torch(lrtune: Distribution) -> None:
    brought = closure(lrtune, "service").keys()
    assert brought >= NOT_ON_A_GPU_HOST
    assert "torch" not in brought


def test_the_all_extra_brings_both(lrtune: Distribution) -> None:
    both = closure(lrtune, "service").keys() | closure(lrtune, "trainers").keys()
    assert closure(lrtune, "all").keys() == both


@pytest.mark.parametrize("package", sorted(NOT_ON_A_GPU_HOST))
def test_a_gpu_host_cannot_import(package: str, programs: Programs, gpu_host: Path, tmp_path: Path) -> None:
    tried = programs.run([str(gpu_host / "python"), "-c", f"import {package}"], bare_environ(gpu_host, tmp_path))
    assert f"No module named '{package}'" in tried.stderr


def test_lrtune_worker_runs_on_a_gpu_host(programs: Programs, gpu_host: Path, tmp_path: Path) -> None:
    shown = programs.run([str(gpu_host / "lrtune"), "worker", "--help"], bare_environ(gpu_host, tmp_path))
    assert shown.poll() == 0, shown
    assert "--server" in shown.stdout


def constraints() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions: dict[str, Version] = {}
    for pin in pinned:
        (specifier,) = pin.specifier
        assert specifier.operator == "==", f"{pin} pins no version"
        versions[canonicalize_name(pin.name)] = Version(specifier.version)
    return versions


def test_all_that_make_installs_is_pinned_to_the_version_the_tests_run_on(lrtune: Distribution) -> None:
    installed = {
        name: Version(Version(one.version).public)  # the CPU build of torch is 2.13.0+cpu
        for name, one in closure(lrtune, "dev").items()
    }
    pinned = constraints()
    assert {name: pinned.get(name) for name in installed} == installed


def test_torch_is_not_left_for_pip_to_choose() -> None:
    assert constraints()["torch"] == Version("2.13.0")
