"""`lrtune scale`."""

import json

import pytest

from tests.cli.conftest import Lrtune

ADAM = ("scale", "--lr", "1e-3", "--from", "64", "--to", "256", "--optimizer", "adamw")


def test_the_last_line_is_the_rate(lrtune: Lrtune) -> None:
    ran = lrtune(*ADAM)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("sqrt: ")
    assert "rises with the batch size and then falls again" in ran.out
    assert "betas=0.6, 0.996" in ran.out
    assert ran.out.splitlines()[-1] == "learning_rate=0.002 for batch size 256"


def test_json_is_all_there_is_to_say(lrtune: Lrtune) -> None:
    found = json.loads(lrtune(*ADAM, "--total-steps", "100", "--new-total-steps", "900", "--json").out)
    assert found["rule"] == "sqrt"
    assert found["learning_rate"] == pytest.approx(2e-3 * 10**-0.25)
    assert found["horizon_factor"] == pytest.approx(10**-0.25)
    assert found["limits"]


@pytest.mark.parametrize("rate", ["0", "-0.1", "nan", "inf", "-inf"])
def test_a_rate_that_is_none_is_refused_by_name(lrtune: Lrtune, rate: str) -> None:
    ran = lrtune("scale", "--lr", rate, "--from", "64", "--to", "256", "--optimizer", "sgd")
    assert (ran.code, ran.out) == (2, "")
    assert "learning_rate must be finite and > 0" in ran.err


def test_what_the_rule_does_not_reach_is_refused_with_how_far_it_does(lrtune: Lrtune) -> None:
    ran = lrtune("scale", "--lr", "1e-3", "--from", "64", "--to", "640", "--optimizer", "adam")
    assert (ran.code, ran.out) == (2, "")
    assert "it reaches to 639" in ran.err


def test_an_optimizer_without_a_rule_is_told_so(lrtune: Lrtune) -> None:
    ran = lrtune("scale", "--lr", "0.02", "--from", "64", "--to", "128", "--optimizer", "muon")
    assert ran.code == 1
    assert "no rule is established for muon" in ran.out
    assert "learning_rate=" not in ran.out
