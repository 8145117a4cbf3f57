"""Where a package is absent, who imports a name of lrtune is told what to install."""

import subprocess
import sys

import pytest

WITHOUT = "import sys\nsys.modules[{package!r}] = None\n"
"""None there is how Python says that a module is not to be found."""


def _last_line(package: str, code: str) -> str:
    program = WITHOUT.format(package=package) + code
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    return ran.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("from lrtune import fit", "fit"),
        ("import lrtune\nlrtune.range_test", "range_test"),
        ("import lrtune\nlrtune.build_optimizer", "build_optimizer"),
    ],
)
def test_a_name_that_needs_torch_names_its_extra(code: str, name: str) -> None:
    assert (
        _last_line("torch", code) == f"ModuleNotFoundError: lrtune.{name} needs torch: pip install 'lrtune[trainers]'"
    )


@pytest.mark.parametrize("package", ["torch", "keras"])
def test_keras_without_torch_names_its_extra(package: str) -> None:
    stand_in = "import types\nsys.modules.setdefault('keras', types.ModuleType('keras'))\n"
    said = _last_line(package, f"{stand_in}import lrtune.keras")
    assert said.startswith("ImportError: lrtune.keras cannot be imported (")
    assert said.endswith("): pip install 'lrtune[keras]'")
    assert package in said


def test_another_missing_module_is_told_as_it_is() -> None:
    said = _last_line("hashlib", "import lrtune\nlrtune.fit")
    assert "lrtune[trainers]" not in said
