"""Each line once, in one form, whatever a script or a framework does with `logging`."""

import importlib.util
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lrtune.service.cli.log import own_log
from tests.fake_service import FakeService

TRAINS = "\n\ndef train(trial):\n    trial.report(1, 0.5)\n    return 0.25\n"
ENDED = "trial 0: complete, 0.25"
FORM = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} "

SCRIPTS = {
    "nothing": "",
    "basicConfig": "import logging\nlogging.basicConfig(format='mine %(message)s', level=logging.INFO)",
    "basicConfig by force": (
        "import logging\nlogging.basicConfig(format='mine %(message)s', level=logging.INFO, force=True)"
    ),
    "a handler more": "import logging\nlogging.getLogger().addHandler(logging.StreamHandler())",
    "dictConfig": (
        "import logging.config\nlogging.config.dictConfig({'version': 1, 'disable_existing_loggers': False, "
        "'handlers': {'h': {'class': 'logging.StreamHandler'}}, 'root': {'handlers': ['h'], 'level': 'DEBUG'}})"
    ),
    "absl": "from absl import logging\nlogging.use_absl_handler()\nlogging.set_verbosity(logging.INFO)",
    "lightning": "import lightning.pytorch",
    "transformers": (
        "from transformers.utils import logging\nlogging.set_verbosity_info()\nlogging.enable_default_handler()\n"
        "logging.enable_propagation()"
    ),
    "optuna": "import optuna\noptuna.logging.enable_propagation()",
}
"""What runs before a training."""


def worker(script: Path, *options: str) -> str:
    """What a worker of that task writes to standard error."""
    arguments = ["worker", "--study", "s", "--task", f"{script}:train", *options]
    ran = subprocess.run(
        [sys.executable, "-m", "lrtune.service.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


@pytest.mark.parametrize("setup", SCRIPTS)
def test_a_worker_writes_its_lines_once_in_one_form(
    service: FakeService, address: str, tmp_path: Path, setup: str
) -> None:
    if setup in ("absl", "lightning", "transformers") and importlib.util.find_spec(setup) is None:
        pytest.skip(f"needs {setup}: make frameworks")
    script = tmp_path / "script_of_a_user.py"
    script.write_text(SCRIPTS[setup] + TRAINS)
    lines = [line for line in worker(script).splitlines() if ENDED in line]
    assert len(lines) == 1, lines
    assert re.match(FORM + ENDED, lines[0])


def test_what_a_script_logs_itself_is_written_too(service: FakeService, address: str, tmp_path: Path) -> None:
    script = tmp_path / "script_of_a_user.py"
    script.write_text("import logging\nlogging.getLogger('mine').info('loaded the data')" + TRAINS)
    assert worker(script).count("loaded the data") == 1


def test_a_file_that_a_script_logs_to_has_the_lines_once(service: FakeService, address: str, tmp_path: Path) -> None:
    script, file = tmp_path / "script_of_a_user.py", tmp_path / "mine.log"
    setup = f"import logging\nlogging.basicConfig(filename={str(file)!r}, level=logging.INFO, force=True)"
    script.write_text(setup + TRAINS)
    assert worker(script).count(ENDED) == 1
    assert file.read_text().count(ENDED) == 1


def test_several_workers_and_their_supervisor_write_a_line_once(
    service: FakeService, address: str, tmp_path: Path
) -> None:
    script = tmp_path / "script_of_a_user.py"
    script.write_text(SCRIPTS["a handler more"] + TRAINS)
    assert worker(script, "--concurrency", "2").count(ENDED) == 1


def test_a_quiet_worker_writes_none(service: FakeService, address: str, tmp_path: Path) -> None:
    script = tmp_path / "script_of_a_user.py"
    script.write_text(SCRIPTS["a handler more"] + TRAINS)
    assert worker(script, "--quiet") == ""


def test_a_script_that_ends_finds_logging_as_it_was() -> None:
    ours = logging.getLogger("lrtune")
    before = (list(ours.handlers), ours.level, ours.propagate, logging.getLogger("lrtune.trainers").level)
    with own_log(logging.INFO, of_trainers=logging.DEBUG):
        assert not ours.propagate
    assert (list(ours.handlers), ours.level, ours.propagate, logging.getLogger("lrtune.trainers").level) == before


TUNES = """
import logging, sys
{setup}
import lrtune
with lrtune.tune(lambda trial: 0.5, max_trials=1, storage={file!r}, progress=False):
    pass
logging.getLogger("lrtune.trainers.worker.loop").info("a line of ours")
print([type(one).__name__ for one in logging.getLogger().handlers])
print([type(one).__name__ for one in logging.getLogger("lrtune").handlers], logging.getLogger("lrtune").propagate)
"""


@pytest.mark.parametrize(
    ("setup", "lines", "handlers"),
    [
        ("", 0, []),
        ("logging.basicConfig(level=logging.INFO)", 1, ["StreamHandler"]),
        ("import lightning.pytorch; logging.basicConfig(level=logging.INFO)", 1, ["StreamHandler"]),
    ],
)
def test_in_a_script_lrtune_has_no_handler_and_that_of_the_script_gets_a_line_once(
    tmp_path: Path, setup: str, lines: int, handlers: list[str]
) -> None:
    if "lightning" in setup:
        pytest.importorskip("lightning")
    program = TUNES.format(setup=setup, file=str(tmp_path / "lrtune.db"))
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [str(handlers), "['NullHandler'] True"]
    assert ran.stderr.count("a line of ours") == lines
    assert ran.stderr.count("trial 0: complete") == lines


def test_the_service_writes_optunas_lines_in_its_own_form() -> None:
    program = (
        "import logging, optuna\nfrom lrtune.service.log_lines import configure\nconfigure('info')\nconfigure('info')\n"
        "optuna.logging.get_logger('optuna.study').warning('of Optuna')\n"
        "logging.getLogger('lrtune.service').info('of lrtune')"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    first, second = ran.stderr.splitlines()
    assert re.match(r"timestamp='\S+' level='warning' logger='optuna.study' event='of Optuna'", first)
    assert re.match(r"timestamp='\S+' level='info' logger='lrtune.service' event='of lrtune'", second)
