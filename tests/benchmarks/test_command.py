"""The benchmarks' command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.command import COMMANDS
from tests.benchmarks.conftest import Bench

PAGES = {
    "storage": "reference/benchmarks.md",
    "fleet": "reference/benchmarks.md",
    "abuse": "reference/benchmarks.md",
    "access": "reference/benchmarks.md",
    "away": "reference/benchmarks.md",
    "pages": "reference/benchmarks.md",
    "local": "reference/benchmarks.md",
    "recovery": "reference/benchmarks.md",
    "callbacks": "reference/benchmarks.md",
    "shards": "reference/benchmarks.md",
    "newcomer": "reference/benchmarks.md",
    "trackers": "reference/benchmarks.md",
    "faults": "explanation/faults.md",
    "processor": "explanation/performance.md",
    "reads": "explanation/performance.md",
    "asks": "explanation/performance.md",
    "search": "explanation/search.md",
    "finder": "explanation/range-tests.md",
    "calibration": "explanation/suggestion.md",
    "suggestion": "explanation/suggestion.md",
    "divergence": "explanation/divergence.md",
    "pacing": "explanation/pausing.md",
    "waste": "explanation/search.md",
    "diagnosis": "explanation/diagnosis.md",
    "ladder": "explanation/ladder.md",
    "scaling": "reference/scaling.md",
}


def test_help_names_every_benchmark(bench: Bench) -> None:
    ran = bench("--help")
    assert ran.code == 0
    assert COMMANDS.keys() == PAGES.keys()
    for command in COMMANDS:
        assert f" {command} " in ran.out


@pytest.mark.parametrize(("command", "page"), PAGES.items())
def test_each_benchmark_says_which_page_it_prints(bench: Bench, command: str, page: str) -> None:
    ran = bench(command, "--help")
    assert ran.code == 0
    assert f"docs/{page}" in ran.out
    assert "lrtune bench" not in ran.out


def test_help_starts_without_anything_heavy() -> None:
    code = (
        "import sys, json, io, contextlib\n"
        "sys.argv = ['bench', '--help']\n"
        "from tests.benchmarks.command import app\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    app(prog_name='bench')\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    root = Path(__file__).parents[2]
    loaded = set(json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=root)))
    assert not loaded & {"torch", "numpy", "sklearn", "fastapi", "sqlalchemy", "optuna", "matplotlib", "psycopg"}


def test_a_benchmark_multiplies_matrices_in_one_thread_as_the_service_does() -> None:
    pytest.importorskip("threadpoolctl")
    code = (
        "import runpy, sys, threadpoolctl\n"
        "sys.argv = ['bench', 'asks', '--help']\n"
        "try:\n"
        "    runpy.run_module('tests.benchmarks', run_name='__main__')\n"
        "except SystemExit:\n"
        "    pools = threadpoolctl.threadpool_info()\n"
        "    print([pool['num_threads'] for pool in pools if pool['user_api'] == 'blas'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    root = Path(__file__).parents[2]
    out = subprocess.check_output([sys.executable, "-c", code], cwd=root, env=environment, text=True)
    assert set(json.loads(out.splitlines()[-1])) == {1}


def test_help_of_storage_names_the_options(bench: Bench) -> None:
    ran = bench("storage", "--help")
    assert ran.code == 0
    for word in ("--quick", "--storage", "--postgres-url", "--sizes", "--rounds", "--only", "--stock-limit", "--json"):
        assert word in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "reports"], "there is no row 'reports': use one of report, work-random"),
        (["--sizes", "100,x"], "--sizes takes numbers from 1"),
        (["--sizes", "0"], "--sizes takes numbers from 1"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(bench: Bench, arguments: list[str], words: str) -> None:
    ran = bench("storage", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("bench: ")
    assert ran.err.count("\n") == 1
    assert words in ran.err
