import json
from pathlib import Path

import pytest

from lrtune.service.cli.commands.schedule import sparkline
from lrtune.service.cli.main import COMMANDS
from lrtune.service.rates.schedules import rate_function, read_schedule
from lrtune.service.wire.schedules import SCHEDULES
from tests.cli.conftest import Lrtune


def test_the_command_shows_a_table_and_a_curve(lrtune: Lrtune) -> None:
    ran = lrtune("schedule", "linear", "--lr", "0.1", "--total-steps", "101")
    assert (ran.code, ran.err) == (0, "")
    rows = [line.replace("│", " ").split() for line in ran.out.splitlines() if line.startswith("│")]
    assert rows[0] == ["0", "0.1"]
    assert rows[5] == ["50", "0.0505"]
    assert rows[-1] == ["100", "0.00099"]
    assert "linear  ████" in ran.out
    assert "step 0 to 100, rate 0 to 0.1" in ran.out


def test_several_names_are_drawn_over_each_other(lrtune: Lrtune, tmp_path: Path) -> None:
    picture = tmp_path / "rates.png"
    names = ["cosine", "linear", "wsd", "step", "cosine_restarts", "cyclical"]
    ran = lrtune("schedule", *names, "--total-steps", "300", "--plot", str(picture))
    assert ran.code == 0, ran.err
    assert ran.out.endswith(f"drawn into {picture}\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert all(f"│ {name}" in ran.out for name in names)


def test_json_holds_the_rates_of_every_step(lrtune: Lrtune) -> None:
    ran = lrtune("schedule", "cosine", "step", "--lr", "0.3", "--total-steps", "50", "--json", "--set", "step_size=20")
    found = json.loads(ran.out)
    assert (found["base_learning_rate"], found["total_steps"]) == (0.3, 50)
    cosine, step = found["schedules"]
    assert step["schedule"]["decay_steps"] == 20
    assert "decay_steps" not in cosine["schedule"]
    for one in (cosine, step):
        rate = rate_function(read_schedule(one["schedule"]), base_learning_rate=0.3, total_steps=50)
        assert one["learning_rates"] == [rate(at) for at in range(50)]
        assert one["steps"] is None


def test_parameters_go_to_the_schedules_that_take_them(lrtune: Lrtune) -> None:
    settings = ["--set", "gamma=0.5", "--set", "multistep.milestones=[2,4]", "--set", "wsd.decay=linear"]
    ran = lrtune("schedule", "step", "multistep", "wsd", *settings, "--warmup-steps", "3", "--json")
    step, multistep, wsd = (one["schedule"] for one in json.loads(ran.out)["schedules"])
    assert (step["gamma"], multistep["gamma"], "gamma" in wsd) == (0.5, 0.5, False)
    assert multistep["milestones"] == [2, 4]
    assert wsd["decay"] == "linear"
    assert [one["warmup_steps"] for one in (step, multistep, wsd)] == [3, 3, 3]


def test_a_json_object_may_nest(lrtune: Lrtune) -> None:
    form = {"name": "join", "milestones": [4], "schedules": ["constant", {"name": "step", "step_size": 2}]}
    ran = lrtune("schedule", json.dumps(form), "--total-steps", "8", "--lr", "1", "--json")
    (found,) = json.loads(ran.out)["schedules"]
    assert found["learning_rates"] == pytest.approx([1, 1, 1, 1, 1, 1, 0.1, 0.1])


def test_the_same_schedule_twice_is_told_apart(lrtune: Lrtune) -> None:
    halves = [json.dumps({"name": "cosine", "T_max": steps}) for steps in (50, 100)]
    ran = lrtune("schedule", *halves)
    assert "cosine 1  ██" in ran.out
    assert "cosine 2  ██" in ran.out


def test_a_long_training_is_thinned(lrtune: Lrtune) -> None:
    ran = lrtune("schedule", "default", "--total-steps", "1000000", "--json")
    (found,) = json.loads(ran.out)["schedules"]
    assert len(found["steps"]) == len(found["learning_rates"]) == 100_000
    assert found["steps"][-1] == 999_999


def test_without_a_name_all_are_listed(lrtune: Lrtune) -> None:
    ran = lrtune("schedule")
    assert all(f"│ {name} " in ran.out for name in SCHEDULES)
    listed = json.loads(lrtune("schedule", "--json").out)
    assert [one["name"] for one in listed["items"]] == list(SCHEDULES)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cosin"], "schedule.name: there is no schedule 'cosin'; did you mean 'cosine'?"),
        (["cosine", "--lr", "0"], "--lr: must be a finite number > 0"),
        (["cosine", "--lr", "nan"], "--lr: must be a finite number > 0"),
        (["cosine", "--lr", "inf"], "--lr: must be a finite number > 0"),
        (["cosine", "--lr", "-0.1"], "--lr: must be a finite number > 0"),
        (["cosine", "--total-steps", "0"], "--total-steps: must be a whole number"),
        (["cosine", "--warmup-steps", "100"], "schedule.warmup_steps: must leave a step after the warm-up: at most 99"),
        (["cosine", "--set", "gamma=0.1"], "schedule.gamma: cosine has no parameter 'gamma'"),
        (["cosine", "linear", "--set", "gamma=0.1"], "--set gamma: none of cosine, linear takes it"),
        (["cosine", "--set", "step.gamma=0.1"], "--set step.gamma: none of cosine takes it"),
        (["cosine", "--set", "gamma"], "--set gamma: write KEY=VALUE"),
        (["{cosine"], "is not JSON"),
        (["wsd", "--set", "decay_steps=100"], "warm-up, stable and decay overlap"),
        (["cosine", "--plot", "/does/not/exist.png"], "--plot /does/not/exist.png cannot be written"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(lrtune: Lrtune, arguments: list[str], words: str) -> None:
    ran = lrtune("schedule", *arguments)
    assert ran.code == 1
    assert words in ran.err
    assert ran.err.startswith("lrtune: ")
    assert ran.err.count("\n") == 1


def test_the_help_explains_every_option(lrtune: Lrtune) -> None:
    ran = lrtune("schedule", "--help")
    assert ran.code == 0
    for word in ("--lr", "--total-steps", "--warmup-steps", "--set", "--plot", "--json", "Example:"):
        assert word in ran.out
    assert COMMANDS["schedule"][2]


def test_a_sparkline_has_one_bar_a_value() -> None:
    assert sparkline([0.0, 0.5, 1.0], 1.0) == "▁▅█"
    assert sparkline([0.0, 0.0], 0.0) == "▁▁"
