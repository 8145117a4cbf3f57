"""Environments as pip would make them, in a second and without a network.

The real ones hold gigabytes, so an environment made here links to the distributions that are installed
where the tests run, and to none but those that its requirements lead to: what an extra does not bring
cannot be imported there.
"""

import os
import subprocess
import sys
import venv
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def requirements(metadata: Distribution, extras: frozenset[str]) -> list[Requirement]:
    """What a distribution asks for on this machine when installed with these extras."""
    asked = [Requirement(line) for line in metadata.requires or ()]
    return [
        one
        for one in asked
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras | {""})
    ]


def closure(root: Distribution, extra: str) -> dict[str, Distribution]:
    """All that `pip install 'root[extra]'` brings beside `root`: installed distributions by canonical name.

    Raises AssertionError for one that is missing here, or whose version is not what was asked for.
    """
    own_name = canonicalize_name(root.metadata["Name"])
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(root, frozenset({extra}))]
    while waiting:
        current, extras = waiting.pop()
        for need in requirements(current, extras):
            name, wanted = canonicalize_name(need.name), frozenset(need.extras)
            if (name, wanted) in seen:
                continue
            seen.add((name, wanted))
            if name == own_name:  # lrtune[all] is lrtune[service,trainers]
                waiting.append((root, wanted))
                continue
            try:
                found[name] = distribution(name)
            except PackageNotFoundError:
                raise AssertionError(f"{current.metadata['Name']} needs {need}, which is not installed") from None
            version = found[name].version
            assert need.specifier.contains(version, prereleases=True), f"{need} was asked for, {version} is installed"
            waiting.append((found[name], wanted))
    return found


def make_environment(folder: Path, wheel: Path, extra: str) -> Path:
    """An environment with `wheel` installed and what its extra brings; returns its folder of programs."""
    venv.create(folder, with_pip=False, symlinks=True)
    programs = folder / "bin"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(programs / "python"),
        "--disable-pip-version-check",
        "-q",
    ]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True, timeout=60)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    for installed in closure(own_distribution(site_packages), extra).values():
        _link(installed, site_packages)
    return programs


def own_distribution(site_packages: Path) -> Distribution:
    """lrtune as installed there."""
    (metadata,) = site_packages.glob("lrtune-*.dist-info")
    return Distribution.at(metadata)


def _link(installed: Distribution, site_packages: Path) -> None:
    source = Path(str(installed.locate_file("")))
    for top in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
        link = site_packages / top
        if not os.path.lexists(link):
            link.symlink_to(source / top)
