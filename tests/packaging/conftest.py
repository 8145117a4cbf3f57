import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environments import make_environment
from tests.support.processes import Programs

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lrtune's wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def service_host(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a machine on which `pip install 'lrtune[service]'` was typed."""
    return make_environment(tmp_path_factory.mktemp("host") / "service", wheel, "service")


@pytest.fixture(scope="session")
def gpu_host(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a machine on which `pip install 'lrtune[trainers]'` was typed."""
    return make_environment(tmp_path_factory.mktemp("host") / "trainers", wheel, "trainers")


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path / "programs") as started:
        yield started
