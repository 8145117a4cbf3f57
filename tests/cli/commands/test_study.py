import json
from pathlib import Path

import httpx2
import pytest

from lrtune.service.cli.commands.study.spec_flags import parse_param, search_space
from tests.cli.conftest import Lrtune
from tests.fake_service import STATUS, STUDY, SUGGESTION, FakeService, problem


def test_create_sends_what_its_flags_say(lrtune: Lrtune, service: FakeService, address: str) -> None:
    ran = lrtune(
        *("study", "create", "t", "--low", "1e-4", "--max-trials", "30", "--max-steps", "10", "--seed", "7"),
        *("--sampler", "tpe", "--pruner", "asha", "--direction", "maximize", "--if-exists", "load"),
        *("--param", "batch_size=choice:32,64", "--param", "momentum=float:0:0.99@optimizer=sgd"),
        *("--param", "optimizer=choice:sgd,adam"),
    )
    assert ran.code == 0, ran.err
    assert service.bodies("/v1/studies")[0] == {
        "name": "t",
        "if_exists": "load",
        "direction": "maximize",
        "max_trials": 30,
        "max_steps": 10,
        "sampler": {"name": "tpe", "seed": 7},
        "pruner": {"name": "asha"},
        "search_space": {
            "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
            "batch_size": {"type": "categorical", "choices": [32, 64]},
            "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": ["sgd"]}},
            "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
        },
    }


def test_tags_are_sent_beside_those_of_a_spec_and_a_task(
    lrtune: Lrtune, service: FakeService, address: str, tmp_path: Path
) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text('{"tags": {"family": "mlp", "data": "digits"}}')
    tags = ["--tag", "family=cnn", "--tag", "note=a=b", "--tag", "empty="]
    assert lrtune("study", "create", "t", "--spec", str(spec), "--task", "digits", *tags).code == 0
    assert service.bodies("/v1/studies")[0]["tags"] == {
        **{"family": "cnn", "data": "digits", "task": "digits"},
        **{"note": "a=b", "empty": ""},
    }


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["family"], "--tag: 'family' lacks a =: write KEY=VALUE, as in family=cnn"),
        (["=x"], "--tag: '=x' lacks a key before the =: write KEY=VALUE, as in family=cnn"),
        (["a=1", "a=2"], "--tag: a comes twice, as '1' and '2': leave one of them out"),
        (["task=digits"], "--tag task=digits: say --task digits, which sets up what goes with it"),
    ],
)
@pytest.mark.parametrize("command", [["create", "t"], ["list"]])
def test_what_is_no_tag_is_refused_in_one_line(
    lrtune: Lrtune, service: FakeService, address: str, command: list[str], tags: list[str], message: str
) -> None:
    if command == ["list"] and "task=" in message:
        return  # To look for it is fine.
    ran = lrtune("study", *command, *(word for tag in tags for word in ("--tag", tag)))
    assert (ran.code, ran.err) == (2, f"lrtune: {message}\n")
    assert service.calls == []


def test_list_asks_for_studies_with_all_the_tags(lrtune: Lrtune, service: FakeService, address: str) -> None:
    asked = []
    service.fault = lambda request: asked.append(request.url.params.get_list("tag"))
    assert lrtune("study", "list", "--tag", "family=cnn", "--tag", "data=a&b").code == 0
    assert asked == [["family=cnn", "data=a&b"]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "lrtune study create NAME` makes one"),
        (["--tag", "family=cnn"], "there is no study with family=cnn: `lrtune study list` shows all there are"),
    ],
)
def test_an_empty_list_says_so(
    lrtune: Lrtune, service: FakeService, address: str, arguments: list[str], told: str
) -> None:
    nothing = {"items": [], "next_cursor": None}
    service.fault = lambda request: httpx2.Response(200, json=nothing) if request.method == "GET" else None
    ran = lrtune("study", "list", *arguments)
    assert (ran.code, ran.out) == (0, "")
    assert told in ran.err
    assert lrtune("study", "list", "--json", *arguments).out == "[]\n"


def test_create_without_flags_leaves_everything_to_the_service(
    lrtune: Lrtune, service: FakeService, address: str
) -> None:
    ran = lrtune("study", "create", "t", "--json")
    assert json.loads(ran.out)["name"] == "t"
    assert service.bodies("/v1/studies")[0] == {"name": "t", "if_exists": "fail"}


def test_flags_go_before_a_spec_file(lrtune: Lrtune, service: FakeService, address: str, tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text('{"name": "other", "max_trials": 5, "max_steps": 3, "sampler": {"name": "gp", "seed": 1}}')
    assert lrtune("study", "create", "t", "--spec", str(spec), "--max-trials", "9", "--seed", "2").code == 0
    assert service.bodies("/v1/studies")[0] == {
        "name": "t",
        "if_exists": "fail",
        "max_trials": 9,
        "max_steps": 3,
        "sampler": {"name": "gp", "seed": 2},
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--spec", "nowhere.json"], "--spec nowhere.json cannot be read"),
        (["--spec", __file__], "is not JSON"),
        (["--param", "momentum"], "write NAME=float:LOW:HIGH[:log]"),
        (["--param", "momentum=float:a:b"], "its bounds must be two numbers"),
        (["--param", "momentum=float:0:1:lag"], "only ':log' may follow"),
        (["--param", "x=int:1:8.5"], "its bounds must be two whole numbers"),
        (["--param", "x=int:1:inf"], "its bounds must be two whole numbers"),
        (["--param", "momentum=float:0:1@sgd"], "write the condition as @OTHER=VALUE"),
    ],
)
def test_a_flag_that_makes_no_sense_is_explained_in_one_line(
    lrtune: Lrtune, arguments: list[str], message: str
) -> None:
    ran = lrtune("study", "create", "t", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_a_refused_spec_names_the_field_in_one_line(lrtune: Lrtune, service: FakeService, address: str) -> None:
    errors = [{"loc": ["search_space", "learning_rate"], "msg": "low must be > 0 for a learning rate"}]
    service.fault = lambda _: problem(422, errors=errors)
    ran = lrtune("study", "create", "t", "--low", "-1")
    assert ran.code == 1
    assert ran.err == "lrtune: search_space.learning_rate: low must be > 0 for a learning rate (422)\n"


def test_list_shows_a_table_or_json(lrtune: Lrtune, address: str) -> None:
    assert "learning_rate" in lrtune("study", "list").out
    assert [study["name"] for study in json.loads(lrtune("study", "list", "--json").out)] == ["s"]


def test_a_study_without_a_learning_rate_is_shown_without_one(
    lrtune: Lrtune, service: FakeService, address: str
) -> None:
    suggestion = {**SUGGESTION, "learning_rate": None, "interval": None, "params": {"max_depth": 16}, "trials": 1}
    status = httpx2.Response(200, json={**STATUS, "suggestion": suggestion})
    service.fault = lambda request: status if request.url.path.endswith("/status") else None
    out = lrtune("study", "show", "s").out
    assert out.splitlines()[-1] == "suggested max_depth=16 after 1 trial"
    assert "learning rate" not in out


def test_a_cross_validated_study_says_nothing_of_its_curves(lrtune: Lrtune, service: FakeService, address: str) -> None:
    study = httpx2.Response(200, json={**STUDY, "tags": {"folds": "5"}})
    service.fault = lambda request: study if request.url.path.endswith("/s") else None
    assert "learning rate too_low" not in lrtune("study", "show", "s").out


def test_show_gives_the_state_or_json(lrtune: Lrtune, address: str) -> None:
    out = lrtune("study", "show", "s").out
    assert "20 complete, 3 pruned, 1 diverged" in out
    assert out.splitlines()[-1].startswith("suggested learning_rate=0.00312")
    shown = json.loads(lrtune("study", "show", "s", "--json").out)
    assert shown["status"]["version"] == 7
    assert shown["study"]["max_trials"] == 2


def test_delete_asks_first(lrtune: Lrtune, service: FakeService, address: str) -> None:
    ran = lrtune("study", "delete", "s")
    assert ran.code == 2
    assert "confirm with --yes" in ran.err
    assert service.calls == []
    assert lrtune("study", "delete", "s", "--yes").out == "deleted study s\n"
    assert [call[0] for call in service.calls] == ["DELETE"]


@pytest.mark.parametrize("command", [["suggest"], ["study", "show"], ["study", "delete", "--yes"]])
def test_an_unknown_study_is_one_line(lrtune: Lrtune, address: str, command: list[str]) -> None:
    ran = lrtune(*command, "nobody")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("lrtune: there is nothing at /v1/studies/nobody")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("command", [["suggest", "s"], ["study", "list"]])
def test_no_service_is_one_line_that_says_what_to_do(
    lrtune: Lrtune, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr("lrtune.service.cli.connection.RETRY_SECONDS", 0.0)
    ran = lrtune(*command, "--server", "http://127.0.0.1:1")
    assert (ran.code, ran.out) == (1, "")
    assert "start one with `lrtune serve`" in ran.err
    assert ran.err.count("\n") == 1


def test_suggest_ends_with_the_suggestion(lrtune: Lrtune, address: str) -> None:
    last = lrtune("suggest", "s").out.splitlines()[-1]
    assert last == "suggested learning_rate=0.00312 interval=[0.00181, 0.0052] after 24 trials"
    assert json.loads(lrtune("suggest", "s", "--json").out)["basis"] == "best_trial"


def test_a_param_flag_reads_numbers_words_and_conditions() -> None:
    assert parse_param("depth=int:1:6") == ("depth", {"type": "int", "low": 1, "high": 6})
    assert parse_param("x=int:1.0:8e1") == ("x", {"type": "int", "low": 1, "high": 80})
    assert parse_param("wd=float:1e-6:1e-1:log")[1]["log"] is True
    assert parse_param("x=choice:32,0.5,true,sgd,null")[1]["choices"] == [32, 0.5, True, "sgd", None]
    assert parse_param("m=float:0:1@optimizer=sgd,lion")[1]["when"] == {"optimizer": ["sgd", "lion"]}


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("True,False", [True, False]),
        ("true,None,null", [True, None, None]),
        ('"True","1"', ["True", "1"]),
        ('"a,b",c', ["a,b", "c"]),
        ("'a,b','@c=d'", ["a,b", "@c=d"]),
        ('"say \\"hi\\"",1e-3', ['say "hi"', 1e-3]),
        ("org/net@v1,other", ["org/net@v1", "other"]),
        ("a@b@c", ["a@b@c"]),
        ('["a,b", "1", 2, false]', ["a,b", "1", 2, False]),
        ("NaN,Infinity,x", ["NaN", "Infinity", "x"]),
        ("a, b", ["a", "b"]),
        ("it's,c", ["it's", "c"]),
        ('"",a', ["", "a"]),
    ],
)
def test_choices_are_json_values_words_or_quoted(text: str, choices: list[object]) -> None:
    found = parse_param(f"x=choice:{text}")[1]["choices"]
    assert [(type(one), one) for one in found] == [(type(one), one) for one in choices]
    conditional = parse_param(f"x=choice:{text}@optimizer=sgd,'a,b',True")[1]
    assert conditional == {"type": "categorical", "choices": choices, "when": {"optimizer": ["sgd", "a,b", True]}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[0.9,0.99],[0.9,0.999]", "not a list: name each by a text"),
        ("[[0.9, 0.99]]", "not a list: name each by a text"),
        ('{"a":1},b', "not an object"),
        ("[a,b]", r"is not a JSON list .*: quote a choice that begins with \["),
        ('"a', "the quote before 'a' is not closed"),
        ("'a,b", "the quote before 'a,b' is not closed"),
        ('"a"b,c', "after the quoted 'a' a comma must follow, not 'b,c'"),
        ("a,,b", 'write "" for the empty one'),
        ("[1,2]x", "after the JSON list only a condition may follow, not 'x'"),
    ],
)
def test_a_choice_that_cannot_be_is_explained(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_param(f"x=choice:{text}")


def test_a_spec_without_a_learning_rate_stays_without() -> None:
    given = {"dropout": {"type": "float", "low": 0, "high": 1}}
    assert search_space(given, [], None, None) == given
    assert search_space(None, [], None, None) is None


@pytest.mark.parametrize("name", ["lr", "LR", "eta0", "learningRate", "learning_rate"])
def test_a_parameter_with_a_usual_name_is_the_learning_rate_and_none_is_added(name: str) -> None:
    rate = {"type": "float", "low": 1e-5, "high": 0.1, "log": True}
    params = [f"{name}=float:1e-5:0.1:log"]
    assert search_space(None, params, None, None) == {name: rate}
    assert search_space(None, params, 1e-4, 1.0) == {name: rate | {"low": 1e-4, "high": 1.0}}
    assert search_space(None, [f"{name}=choice:0.1,0.01"], None, None) == {
        name: {"type": "categorical", "choices": [0.1, 0.01]}
    }


def test_a_parameter_of_any_name_can_be_said_to_be_the_learning_rate() -> None:
    rate = {"type": "float", "low": 1e-5, "high": 1.0, "log": True, "role": "learning_rate"}
    assert search_space(None, ["step_size=float:1e-5:1:log:rate"], None, None) == {"step_size": rate}
    assert "log" not in parse_param("step_size=float:0.1:1:rate")[1]


def test_low_and_high_bound_the_parameter_of_a_spec_that_has_the_role() -> None:
    peak = {"type": "float", "low": 1e-5, "high": 0.1, "role": "learning_rate"}
    others = {"lr": {"type": "float", "low": 0, "high": 1}}
    assert search_space({"peak": peak, **others}, [], 1e-4, None) == {"peak": peak | {"low": 1e-4}, **others}


def test_low_beside_a_learning_rate_that_is_a_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="lr is a choice"):
        search_space(None, ["lr=choice:0.1,0.01"], 1e-4, None)


def test_without_a_learning_rate_the_given_parameters_are_searched_alone(
    lrtune: Lrtune, service: FakeService, address: str
) -> None:
    depth = {"type": "int", "low": 1, "high": 16}
    ran = lrtune("study", "create", "rf", "--param", "max_depth=int:1:16", "--no-learning-rate")
    assert ran.code == 0, ran.err
    assert service.bodies("/v1/studies")[0]["search_space"] == {"max_depth": depth}
    assert list(search_space(None, ["max_depth=int:1:16"], None, None) or {}) == ["learning_rate", "max_depth"]


@pytest.mark.parametrize(
    ("params", "low", "said"),
    [
        ([], None, "nothing to search"),
        (["lr=float:1e-5:1:log"], None, "lr is one"),
        (["peak=float:1e-5:1:log:rate"], None, "peak is one"),
        (["max_depth=int:1:16"], 1e-3, "--low and --high bound a learning rate"),
    ],
)
def test_no_learning_rate_beside_one_is_refused(params: list[str], low: float | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        search_space(None, params, low, None, no_rate=True)


def test_what_is_said_against_a_search_space_is_told_once_when_the_study_is_created(
    lrtune: Lrtune,
    service: FakeService,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(STUDY, "warnings", ["The parameter lr is searched on a linear scale."])
    ran = lrtune("study", "create", "t", "--param", "lr=float:1e-5:1")
    assert ran.code == 0, ran.err
    assert ran.err == "lrtune: study t: The parameter lr is searched on a linear scale.\n"
    assert "linear scale" not in ran.out
