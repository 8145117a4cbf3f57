"""The short form of `bench callbacks`."""

import json

import pytest

from tests.benchmarks.conftest import Bench

NAMES = "keras, lightning, huggingface, trl, fastai, lightgbm, xgboost\n"


def test_the_short_form_trains_with_and_without_a_callback(bench: Bench) -> None:
    pytest.importorskip("lightning", reason="needs lrtune[lightning]: make frameworks")
    ran = bench("callbacks", "--only", "lightning", "--quick", "--json")
    assert ran.code == 0, ran.err
    (figure,) = json.loads(ran.out)["figures"]
    assert figure["sides"].keys() == {"with", "without", "with, processor", "without, processor"}
    assert [check["of"] for check in figure["checks"]] == ["with", "with, processor"]
    assert figure["checks"][0]["against"] == "without"
    assert figure["checks"][0]["must"] == "<= 1.02"


def test_the_short_form_trains_with_and_without_trackers(bench: Bench) -> None:
    pytest.importorskip("tensorboard", reason="needs lrtune[tensorboard]: make frameworks")
    ran = bench("trackers", "--quick", "--json")
    assert ran.code == 0, ran.err
    figures = json.loads(ran.out)["figures"]
    assert "tensorboard" in [figure["row"] for figure in figures]
    assert all(figure["sides"].keys() == {"with", "without", "wait at the end"} for figure in figures)


def test_a_framework_that_there_is_not_is_named(bench: Bench) -> None:
    ran = bench("callbacks", "--only", "caffe")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "bench: there is no framework 'caffe': take of " + NAMES
