"""The page of a study says what the API says, whatever the study is like, and takes text for text."""

import shlex
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from lrtune.service.sentences.words import between, loss, rate
from tests.api.calls import SPACE, StudyCalls
from tests.api.conftest import create
from tests.web.conftest import PAGE
from tests.web.parsed import Page, failed, opened, record, trained

_ODD = '<b id="odd">\u202e"\'&\U0001f600</b>'
_PARTS = ["actions", "answer", "now", "workers", "verdicts", "failures", "range_tests", "trials"]


# The answer


def test_the_answer_is_what_the_api_suggests(service: TestClient, study: StudyCalls) -> None:
    trained(study)
    suggestion = study.get("/suggestion")
    answer = opened(service, "rates").text("answer")
    assert answer.startswith(f"Train with {rate(suggestion['learning_rate'])} learning_rate")
    assert " – ".join(between(*suggestion["interval"])) in answer
    assert f"Expected val_loss {loss(suggestion['expected_value'])}" in answer
    assert f"diverges above {rate(suggestion['max_stable_learning_rate'])}" in answer
    assert suggestion["explanation"].partition(". ")[0] in answer


@pytest.mark.parametrize(("metric", "called"), [({}, "value"), ({"metric": "accuracy"}, "accuracy")])
def test_what_is_maximized_is_called_a_loss_nowhere(service: TestClient, metric: dict[str, str], called: str) -> None:
    study = create(service, name="larger", direction="maximize", max_steps=3, **metric)
    trained(study)
    study.ask()
    assert f"best {called}" in study.get("/suggestion")["explanation"]
    answer = service.get("/studies/larger", headers=PAGE).text
    assert f"{called} over learning_rate" in answer
    assert "loss" not in Page(answer).text("answer") + study.get("/suggestion")["explanation"] + _shown(service)
    again = service.post(
        "/v1/studies",
        json={"name": "larger", "direction": "maximize", "max_steps": 3, "if_exists": "load", **metric},
    )
    assert again.status_code == 200, "its specification is the same"


def _shown(service: TestClient) -> str:
    """The lists of studies, of workers and of trials."""
    lists = [service.get("/studies", headers=PAGE).text]
    lists += [service.get(f"/studies/larger/parts/{part}", headers=PAGE).text for part in ("trials", "workers")]
    return "".join(lists)


@pytest.mark.parametrize("trials", [0, 1, 12])
def test_the_answer_says_what_it_rests_on(service: TestClient, study: StudyCalls, trials: int) -> None:
    for index in range(trials):
        record(study, 1e-4 * 2**index, 1 / (index + 1))
    basis = study.get("/suggestion")["basis"]
    counted = f"{trials} finished trial"
    said = {"prior": "usual rates", "best_trial": f"best trial {counted}", "posterior": f"fit of all trials {counted}"}
    answer = opened(service, "rates").text("answer")
    assert f"Rests on {said[basis]}" in answer
    assert answer.startswith("Begin with" if basis == "prior" else "Train with")
    assert ("near-best" in answer) is (basis != "prior")
    assert ("usual range, 80 %" in answer) is (basis == "prior")


def test_what_is_usual_for_lora_is_told_as_such_and_not_as_found_by_past_studies(service: TestClient) -> None:
    create(service, name="lora", tags={"optimizer": "adamw", "family": "lora"})
    answer = opened(service, "lora").text("answer")
    assert answer.startswith("Begin with 0.0002")
    assert "Rests on usual rates" in answer
    assert "The usual rate for LoRA with the Adam family is 0.0002" in answer


def test_the_bar_puts_interval_best_and_boundary_where_they_are(service: TestClient, study: StudyCalls) -> None:
    trained(study)
    suggestion = study.get("/suggestion")
    page = opened(service, "rates", "/parts/answer")
    places = [told for tag, told in page.elements if tag in ("line", "rect", "circle") and "%" in str(told)]
    by_class = {str(told["class"]): told for told in reversed(places)}
    assert _rate_at(by_class["suggested"]["x1"]) == pytest.approx(suggestion["learning_rate"], rel=2e-3)
    assert _rate_at(by_class["interval"]["x"]) == pytest.approx(suggestion["interval"][0], rel=2e-3)
    assert _rate_at(by_class["best"]["cx"]) == pytest.approx(suggestion["best_learning_rate"], rel=2e-3)
    assert _rate_at(by_class["boundary"]["x1"]) == pytest.approx(suggestion["max_stable_learning_rate"], rel=2e-3)


def _rate_at(place: str | None) -> float:
    """On an axis from 1e-5 to 1."""
    return float(10 ** (-5 + 5 * float(str(place).rstrip("%")) / 100))


def test_the_code_to_copy_trains_with_the_suggestion(service: TestClient) -> None:
    study = create(service, name="code", search_space=SPACE, max_steps=5)
    for index in range(6):
        more = {"optimizer": "sgd", "momentum": 0.5, "batch_size": 32, "num_layers": 2}
        record(study, 1e-3 * 2**index, abs(index - 3) + 0.1, params=more)
    suggested = study.get("/suggestion")["params"]
    page = opened(service, "code")
    rounded = {name: float(f"{one:.4g}") if isinstance(one, float) else one for name, one in suggested.items()}
    assert yaml.safe_load(page.texts["code-code-yaml"]) == rounded
    flags = dict(flag[2:].split("=") for flag in shlex.split(page.texts["code-code-cli"].replace("\\\n", " "))[2:])
    assert float(flags["learning-rate"]) == pytest.approx(suggested["learning_rate"], rel=1e-3)
    assert flags["optimizer"] == suggested["optimizer"]
    assert _optimizer_made(page.texts["code-code-python"]) == pytest.approx(suggested["learning_rate"], rel=1e-3)


def test_a_study_is_taken_away_as_csv_and_whole_as_json_lines(service: TestClient) -> None:
    study = create(service, name="taken")
    page = service.get("/studies/taken").text
    for below, kind in (("trials.csv", "text/csv"), ("export", "application/x-ndjson")):
        assert f'href="/v1/studies/taken/{below}"' in page
        answer = study.client.get(f"/v1/studies/taken/{below}")
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-disposition"].startswith('attachment; filename="taken.')
    assert "lrtune study export taken -o taken.jsonl" in page


def _optimizer_made(code: str) -> float:
    torch = pytest.importorskip("torch")
    names: dict[str, Any] = {"model": torch.nn.Linear(2, 2)}
    exec(code, names)
    made: float = names["optimizer"].param_groups[0]["lr"]
    return made


# Whatever the study is like


def _none(_: StudyCalls) -> None:
    return


def _one(study: StudyCalls) -> None:
    record(study, 1e-3, 0.5)


def _diverged(study: StudyCalls) -> None:
    for index in range(5):
        record(study, 0.1 + index / 10, None, state="diverged", reports=[{"step": 1, "value": "nan"}])


def _equal(study: StudyCalls) -> None:
    for index in range(5):
        record(study, 1e-3 * 2**index, 0.5)


def _huge(study: StudyCalls) -> None:
    for index in range(5):
        record(study, 1e-3 * 2**index, -1e308 if index else 1e308)


@pytest.mark.parametrize("fill", [_none, _one, _diverged, failed, _equal, _huge])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_every_study_has_a_page(service: TestClient, fill: Callable[[StudyCalls], None], direction: str) -> None:
    study = create(service, name="odd", max_steps=5, direction=direction, prior="none")
    fill(study)
    page = opened(service, "odd")
    assert {*_PARTS, "take-away"} <= page.ids()
    assert rate(study.get("/suggestion")["learning_rate"]) in page.text("answer")


def test_a_study_without_a_rate_shows_the_best_parameters(service: TestClient) -> None:
    space = {
        "dropout": {"type": "float", "low": 0.0, "high": 0.5},
        "name": {"type": "categorical", "choices": [_ODD, "b"]},
    }
    study = create(service, name="no-rate", search_space=space)
    assert study.post("/trials/record", {"params": {"dropout": 0.25, "name": _ODD}, "value": 0.1}).status_code == 201
    page = opened(service, "no-rate")
    assert "These parameters dropout 0.25" in page.text("answer")
    assert "picture-response" not in page.ids()
    assert "odd" not in page.ids()


def test_two_hundred_parameters_fit_on_a_page(service: TestClient) -> None:
    space = {f"p{index}": {"type": "float", "low": 0.0, "high": 1.0} for index in range(199)}
    study = create(service, name="many", search_space=space | {"learning_rate": SPACE["learning_rate"]})
    params = {f"p{index}": 0.5 for index in range(199)}
    for value in range(60):
        record(study, 1e-3, value, params=params)
    answer = service.get("/studies/many")
    assert len(answer.content) < 256 * 1024
    assert "195 more parameters" in Page(answer.text).text("trials")


def test_a_longer_history_makes_no_larger_page(service: TestClient) -> None:
    sizes = []
    for count in (350, 700):  # Of complete trials, 300 are drawn.
        study = create(service, name=f"of-{count}", search_space={"learning_rate": SPACE["learning_rate"]})
        for index in range(count):
            record(study, 1e-3 + index * 1e-7, 0.5 + index * 1e-4)
        sizes.append(len(service.get(f"/studies/of-{count}").content))
    assert sizes[1] < sizes[0] * 1.1


def test_what_people_wrote_is_text(service: TestClient) -> None:
    tags = {"family": _ODD}
    study = create(service, name="text", description=_ODD, tags=tags, metric=_ODD, max_attempts=1)
    lease = study.ask(worker=_ODD).json()
    opened_now = opened(service, "text")
    study.post(f"/trials/{lease['number']}/result", {"lease": lease["lease"], "state": "failed", "error": _ODD})
    after = opened(service, "text")
    for page in (opened_now, after):
        assert "odd" not in page.ids()
    assert _ODD in opened_now.texts["workers"]
    assert '<b id="odd">' in after.texts["failures"]


def test_nothing_on_the_page_is_script_or_style(service: TestClient, study: StudyCalls) -> None:
    trained(study)
    page = opened(service, "rates")
    assert not [told for _, told in page.elements if "style" in told or any(name.startswith("on") for name in told)]
    assert all("src" in told for tag, told in page.elements if tag == "script")
    assert "style" not in [tag for tag, _ in page.elements]
