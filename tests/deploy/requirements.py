"""`python -m tests.deploy.requirements` writes deploy/requirements anew: what the images install, with hashes.

The versions are those of constraints.txt, the files those of every platform that a package is published for. Needs uv
and a package index.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/requirements"
EXTRAS = {"service": ("service", "otel"), "worker": ("trainers",)}
"""What goes into each image, by the names of extras."""
PYTHON = "3.11"
_OF_TORCH = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
_HEAD = "# Made by `python -m tests.deploy.requirements` of pyproject.toml and constraints.txt: do not edit.\n"


def blocks(text: str) -> dict[str, str]:
    """The requirements of a file, each with its hashes, by name."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = re.split(r"\n(?=\S)", "\n".join(lines).strip())
    return {re.split(r"[=\[ ]", block)[0]: block for block in found if block}


def torch_alone(names: list[str]) -> tuple[list[str], list[str]]:
    """Those that come with torch's build for one kind of processor; and all others."""
    of_torch = [name for name in names if _OF_TORCH.fullmatch(name)]
    return of_torch, [name for name in names if name not in of_torch]


def _compiled(source: Path, *options: str) -> dict[str, str]:
    uv = [sys.executable, "-m", "uv", "pip", "compile", str(source), "--constraints", str(ROOT / "constraints.txt")]
    how = ["--generate-hashes", "--universal", "--python-version", PYTHON, "--no-annotate", "--no-header", "--quiet"]
    ran = subprocess.run([*uv, *how, *options], capture_output=True, text=True, check=True, cwd=ROOT)
    return blocks(ran.stdout)


def _write(name: str, found: list[str]) -> None:
    (FOLDER / f"{name}.txt").write_text("\n".join([_HEAD.rstrip(), *found]) + "\n")


def main() -> None:
    """Write the four files."""
    FOLDER.mkdir(exist_ok=True)
    for image, extras in EXTRAS.items():
        found = _compiled(ROOT / "pyproject.toml", *(word for extra in extras for word in ("--extra", extra)))
        of_torch, others = torch_alone(list(found))
        _write(image, [found[name] for name in others])
        if of_torch:
            _write("torch", [found[name] for name in of_torch])
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder) / "build.in"
        build.write_text("hatchling\n")
        _write("build", list(_compiled(build).values()))


if __name__ == "__main__":
    main()
