"""What the images install: all of it, at the versions that were tested, each file by its hash."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.requirements import EXTRAS, FOLDER, ROOT, blocks, torch_alone

FILES = sorted(file.stem for file in FOLDER.glob("*.txt"))
LINUX = {
    "python_version": "3.11",
    "python_full_version": "3.11.14",
    "sys_platform": "linux",
    "platform_system": "Linux",
}


def _pinned(file: str) -> dict[str, Requirement]:
    """By normal name, those that the images install."""
    found = blocks((FOLDER / f"{file}.txt").read_text())
    parsed = [Requirement(block.split("\\")[0].strip()) for block in found.values()]
    wanted = (one for one in parsed if one.marker is None or one.marker.evaluate(LINUX))
    return {canonicalize_name(one.name): one for one in wanted}


def _constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def test_the_files_are_those_of_the_images() -> None:
    assert FILES == ["build", "service", "torch", "worker"]


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_one_version_with_hashes(file: str) -> None:
    for name, block in blocks((FOLDER / f"{file}.txt").read_text()).items():
        assert re.search(r"^[\w.-]+==[\w.]+", block), name
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block), name


@pytest.mark.parametrize("file", FILES)
def test_the_versions_are_those_of_the_constraints(file: str) -> None:
    constraints = _constraints()
    pinned = {name: str(one.specifier).removeprefix("==") for name, one in _pinned(file).items()}
    of_torch, _ = torch_alone(list(pinned))
    missing = pinned.keys() - constraints.keys() - set(of_torch)
    assert missing == set(), "add them to constraints.txt"
    differing = {n: (v, constraints[n]) for n, v in pinned.items() if n in constraints and constraints[n] != v}
    assert differing == {}, "run python -m tests.deploy.requirements"


@pytest.mark.parametrize("image", EXTRAS)
def test_nothing_that_an_image_needs_is_missing_and_nothing_else_is_there(image: str) -> None:
    pinned = set(_pinned(image)) | (set(_pinned("torch")) if image == "worker" else set())
    needed = set(_needed([("lrtune", extra) for extra in EXTRAS[image]]))
    of_torch, _ = torch_alone(list(needed | pinned))
    assert needed - pinned - set(of_torch) == set()
    assert pinned - needed - set(of_torch) == set()


def _needed(start: list[tuple[str, str]]) -> Iterator[str]:
    """What is needed by what is needed, by what is installed here."""
    waiting, seen = list(start), set(start)
    while waiting:
        name, extra = waiting.pop()
        for text in _requires(name):
            one = Requirement(text)
            if one.marker is not None and not one.marker.evaluate({**LINUX, "extra": extra}):
                continue
            wanted = canonicalize_name(one.name)
            if wanted != "lrtune":
                yield wanted
            for more in ((wanted, ""), *((wanted, each) for each in one.extras)):
                if more not in seen:
                    seen.add(more)
                    waiting.append(more)


def _requires(name: str) -> list[str]:
    if name == "lrtune":
        return _of_the_project()
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def _of_the_project() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"].items()
    return [
        *project["dependencies"],
        *(f"{text.split(';')[0]}; extra == '{extra}'" for extra, texts in optional for text in texts),
    ]
