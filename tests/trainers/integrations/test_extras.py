"""A framework that is absent, or not meant: said in one line; `import lrtune` needs none."""

import json
import subprocess
import sys
from importlib import import_module

import pytest

from tests.docs.pages import ROOT

TRACKERS = ("mlflow", "tensorboard", "wandb")
PACKAGES = {
    "keras": "keras",
    "lightning": "lightning",
    "huggingface": "transformers",
    "accelerate": "accelerate",
    "fastai": "fastai",
    **{name: name for name in ("sklearn", "lightgbm", "xgboost", "optax", "optuna")},
    **{name: name for name in TRACKERS},
}
"""lrtune.NAME: the package that it is made for."""


def run(code: str, **environ: str) -> str:
    """What a new interpreter prints of the code."""
    environment = {"PYTHONPATH": f"{ROOT}", "PATH": "/usr/bin", "HF_HUB_OFFLINE": "1", **environ}
    return subprocess.check_output([sys.executable, "-c", code], env=environment, text=True, timeout=60)


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_without_the_framework_the_error_names_the_extra(name: str, package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"try:\n    import lrtune.{name}\nexcept ImportError as error:\n    print(error)"
    )
    (said,) = run(code).splitlines()
    assert said.endswith(f": pip install 'lrtune[{name}]'")


def test_keras_without_its_backend_is_told_to_take_torch() -> None:
    pytest.importorskip("keras", reason="needs lrtune[keras]: make frameworks")
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "try:\n    import lrtune.keras\nexcept ImportError as error:\n    print(error)"
    )
    assert "set KERAS_BACKEND=torch before it is" in run(code, KERAS_BACKEND="tensorflow", HOME="/nonexistent")


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_every_name_that_is_offered_is_there(name: str, package: str) -> None:
    pytest.importorskip(package, reason=f"needs lrtune[{name}]: make frameworks")
    module = import_module(f"lrtune.{name}")
    assert module.__all__
    room = f"trackers.{name}" if name in TRACKERS else name
    homes = (f"lrtune.trainers.integrations.{room}", "lrtune.service.tuning.auto", "lrtune.trainers.distributed")
    for offered in module.__all__:
        assert getattr(module, offered).__module__.startswith(homes)


def test_the_client_and_the_worker_load_no_framework() -> None:
    code = (
        "import sys, json\nimport lrtune\nfrom lrtune import Client, fit, range_test, run\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    assert not set(json.loads(run(code))) & {
        *("keras", "lightning", "transformers", "accelerate", "fastai", "optuna"),
        *TRACKERS,
    }
