"""The short form of `bench pages`: every figure has its sides and its bounds, and judges nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.conftest import Bench
from tests.browser import chromium

_ROOT = Path(__file__).resolve().parents[3]

needs_chromium = pytest.mark.skipif(chromium.program() is None, reason="Chromium is not installed")


@pytest.mark.browser
@needs_chromium
def test_a_look_at_a_page_is_timed_and_counted() -> None:
    """In a process of its own: playwright runs once in each, and tests in a browser may have it in this one."""
    command = [sys.executable, "-m", "tests.benchmarks", "pages", "--only", "paint", "--quick", "--json"]
    ran = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    figures = {figure["row"]: figure for figure in json.loads(ran.stdout)["figures"]}
    assert figures.keys() == {"server", "kib", "first_plot", "live"}
    for figure in figures.values():
        assert figure["sides"].keys() == {"small", "large"}
        assert figure["checks"][0]["must"] == "<= 2"
        assert all(check["passed"] is None for check in figure["checks"])
    assert figures["kib"]["sides"]["large"]["median"] > 10, "the page and its pictures were counted"


def test_viewers_are_told_what_is_reported(bench: Bench) -> None:
    ran = bench("pages", "--only", "viewers", "--quick", "--json")
    assert ran.code == 0, ran.err
    figures = {figure["row"]: figure for figure in json.loads(ran.out)["figures"]}
    assert figures["viewers"]["checks"][0]["must"] == ">= 0.8"
    (event,) = figures["event"]["sides"].values()
    assert event["median"] > 50


def test_whatever_a_page_asks_for_is_looked_at(bench: Bench) -> None:
    ran = bench("pages", "--only", "holds", "--quick", "--json")
    assert ran.code == 0, ran.err
    (figure,) = json.loads(ran.out)["figures"]
    assert {"/", "/studies/large", "/studies/large/parts/answer", "/studies/large/pictures/response"} <= (
        figure["sides"].keys()
    )
