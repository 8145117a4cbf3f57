"""The pages of a trial, a range test, schedules and scaling, on a real service."""

import html
import json
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.api.calls import Json

HTML = {"Accept": "text/html"}
STUDY = "mnist@1"
PAGE = f"/studies/{quote(STUDY)}"
API = f"/v1/studies/{quote(STUDY)}"


@pytest.fixture
def studied(service: TestClient) -> TestClient:
    """A study with a trial that failed, one that is complete and one that runs."""
    space = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}
    made = service.post("/v1/studies", json={"name": STUDY, "search_space": space, "max_steps": 30})
    assert made.status_code == 201, made.text
    for ended in (
        {"state": "failed", "error": "<script>alert(1)</script> no GPU"},
        {"state": "complete", "value": 0.5},
    ):
        trial = _ask(service)
        _report(service, trial, steps=8)
        body = {"lease": trial["lease"], **ended}
        assert service.post(f"{API}/trials/{trial['number']}/result", json=body).status_code == 200
    _ask(service)
    return service


def _ask(service: TestClient) -> Json:
    body = {"worker": "gpu-1:<i>", "request_id": str(len(service.get(f"{API}/trials").json()["items"]))}
    asked: Json = service.post(f"{API}/trials", json=body).json()
    return asked


def _report(service: TestClient, trial: Json, steps: int) -> None:
    reports = [{"step": step, "value": 2.0 / step} for step in range(1, steps + 1)]
    body = {"lease": trial["lease"], "reports": reports, "checkpoint": {"uri": "s3://a/<x>", "step": steps}}
    assert service.post(f"{API}/trials/{trial['number']}/reports", json=body).status_code == 200


def _page(service: TestClient, path: str, status: int = 200) -> str:
    answer = service.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer.text


def test_a_trials_page_says_what_the_api_says(studied: TestClient) -> None:
    shown = _page(studied, f"{PAGE}/trials/1")
    known = studied.get(f"{API}/trials/1").json()
    assert f"{known['params']['learning_rate']:.3g}" in shown
    assert 'class="badge complete"' in shown
    for clause in known["diagnosis"]["evidence"]:
        assert clause in html.unescape(shown)
    assert f'href="{PAGE}/trials/0"' in shown
    assert f'href="{PAGE}/trials/2"' in shown
    assert "data-part" not in shown, "what has ended changes no more"


def test_what_a_worker_wrote_stays_text(studied: TestClient) -> None:
    shown = _page(studied, f"{PAGE}/trials/0")
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; no GPU" in shown
    assert "gpu-1:&lt;i&gt;" in shown
    assert "s3://a/&lt;x&gt;" in shown


def test_a_running_trial_is_fetched_anew_by_its_body_alone(studied: TestClient) -> None:
    shown = _page(studied, f"{PAGE}/trials/2")
    assert f'data-part="{PAGE}/trials/2?body=true"' in shown
    assert f'data-events="{API}/events"' in shown
    body = _page(studied, f"{PAGE}/trials/2?body=true")
    assert "<html" not in body
    assert 'class="badge running"' in body


def test_a_number_that_no_trial_has_is_said_on_a_page(studied: TestClient) -> None:
    assert "has no trial 99; it has trials 0 to 2" in html.unescape(_page(studied, f"{PAGE}/trials/99", 404))
    assert "range test" in _page(studied, f"{PAGE}/range-tests/99", 404)


def test_only_an_admin_may_train_a_point_again(studied: TestClient) -> None:
    admin = studied.post("/v1/tokens", json={"role": "admin", "name": "ada"}).json()["secret"]
    as_admin = {"Authorization": f"Bearer {admin}"}
    viewer = studied.post("/v1/tokens", json={"role": "viewer", "name": "bob"}, headers=as_admin).json()["secret"]
    seen = {}
    for name, secret in (("admin", admin), ("viewer", viewer)):
        answer = studied.get(f"{PAGE}/trials/1", headers={**HTML, "Authorization": f"Bearer {secret}"})
        seen[name] = "trials/enqueue" in answer.text
        assert "$LRTUNE_TOKEN" in answer.text
    assert seen == {"admin": True, "viewer": False}


def _pasted(service: TestClient, text: str, path: str = "/range-test/found") -> Any:
    return service.post(path, json={"text": text}, headers=HTML)


def _losses() -> list[tuple[float, float]]:
    rates = [1e-5 * 10 ** (at / 12) for at in range(60)]
    return [(rate, 2.3 - 1.5 / (1 + (1e-2 / rate) ** 2) + (rate / 0.5) ** 3) for rate in rates]


def test_a_pasted_range_test_says_what_the_api_says(service: TestClient) -> None:
    pairs = _losses()
    text = "rate;loss\n" + "\n".join(f"{rate!r};{loss!r}".replace(".", ",") for rate, loss in pairs)
    body = {"learning_rates": [rate for rate, _ in pairs], "losses": [loss for _, loss in pairs]}
    known = service.post("/v1/range-tests", json=body).json()
    shown = _pasted(service, text).text
    assert known["recommended"] is not None
    for rate in (known["recommended"], *(one for one in known["suggestions"].values() if one is not None)):
        assert f"{rate:.3g}" in shown
    drawn = _pasted(service, text, "/pictures/range-test").json()
    assert drawn["data"]
    assert drawn["layout"]["xaxis"]["type"] == "log"


def test_the_made_example_can_be_analysed(service: TestClient) -> None:
    page = _page(service, "/range-test")
    example = html.unescape(page.partition('<template id="made">')[2].partition("</template>")[0])
    assert "no rate" not in _pasted(service, example).text
    assert len(example.splitlines()) > 50


def test_a_wrong_line_is_named(service: TestClient) -> None:
    answer = _pasted(service, "lr,loss\n1e-3,2\nx,1")
    assert answer.status_code == 422


def test_a_kept_range_test_has_a_page(studied: TestClient) -> None:
    pairs = _losses()
    body = {"learning_rates": [rate for rate, _ in pairs], "losses": [loss for _, loss in pairs], "batch_size": 64}
    kept = studied.post(f"{API}/range-tests", json=body).json()
    shown = _page(studied, f"{PAGE}/range-tests/{kept['number']}")
    assert f"{kept['recommended']:.3g}" in shown
    assert f'data-picture="{PAGE}/pictures/range-test?number=0"' in shown


def test_schedules_are_told_and_drawn_as_the_address_says(service: TestClient) -> None:
    asks = "s=" + quote('{"name": "multistep", "milestones": [300], "gamma": 0.001}') + "&s=wsd&rate=0.1&epoch=10"
    shown = html.unescape(_page(service, f"/schedules?{asks}"))
    assert "The rate is dead from epoch 30" in shown
    assert "torch.optim.lr_scheduler import MultiStepLR" in shown
    assert "optax.piecewise_constant_schedule" in shown
    drawn = service.get(f"/pictures/schedules?{asks}&log=1").json()
    assert [trace["name"] for trace in drawn["data"] if trace["mode"] == "lines"] == ["multistep", "wsd"]
    assert drawn["layout"]["yaxis"]["type"] == "log"
    known = {"schedule": "wsd", "base_learning_rate": 0.1, "total_steps": 1000}
    rates = service.post("/v1/schedules/preview", json=known).json()["learning_rates"]
    assert drawn["data"][1]["y"][:1000] == pytest.approx(rates)


@pytest.mark.parametrize(
    ("asks", "loc"),
    [
        ('s={"name": "cosine", "min_lr": 5}&rate=0.1', ["s", 0, "min_lr"]),
        ('s=cosine&s={"name": "step", "gama": 1}', ["s", 1, "gama"]),
        ("s={no json", ["s", 0]),
        ("rate=-1", ["rate"]),
        ("steps=0", ["steps"]),
        ("&".join(["s=cosine"] * 5), ["s"]),
    ],
)
def test_what_is_wrong_with_a_schedule_is_said_at_its_field(service: TestClient, asks: str, loc: list[object]) -> None:
    answer = service.get(f"/schedules/told?{asks}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == loc
    assert answer.json()["errors"][0]["msg"] in html.unescape(_page(service, f"/schedules?{asks}", 422))


def test_the_catalogue_tells_the_bounds_that_the_controls_have(service: TestClient) -> None:
    items = {item["name"]: item for item in service.get("/v1/schedules").json()["items"]}
    plateau = {one["name"]: one for one in items["plateau"]["parameters"]}
    assert (plateau["gamma"]["above"], plateau["gamma"]["below"], plateau["gamma"]["minimum"]) == (0, 1, None)
    one_cycle = {one["name"]: one for one in items["one_cycle"]["parameters"]}
    assert (one_cycle["pct_start"]["minimum"], one_cycle["pct_start"]["maximum"]) == (0, 1)


def test_scaling_answers_as_the_api_without_a_script(service: TestClient) -> None:
    asked = {"learning_rate": 1e-3, "batch_size": 64, "new_batch_size": 256, "optimizer": "adamw"}
    known = service.post("/v1/scaling", json=asked).json()
    shown = html.unescape(_page(service, "/scaling?" + "&".join(f"{key}={value}" for key, value in asked.items())))
    assert f">{known['learning_rate']:.3g}<" in shown
    assert known["reason"] in shown
    for limit in known["limits"]:
        assert limit in shown
    assert "<script src" not in shown.partition("<main")[2]


@pytest.mark.parametrize(
    ("asks", "why"),
    [
        ("learning_rate=x&batch_size=1&new_batch_size=2", "'x' is no number"),
        ("learning_rate=0.1&batch_size=1.5&new_batch_size=2", "must be a whole number"),
        ("learning_rate=0.1&batch_size=&new_batch_size=2", "is missing"),
        ("learning_rate=0.1&batch_size=8&new_batch_size=8000000", "is too large"),
        ("learning_rate=0.1&batch_size=8&new_batch_size=16&total_steps=9", "give both or neither"),
        ("learning_rate=0.1&batch_size=8&new_batch_size=16&optimizer=<i>", "is not known"),
    ],
)
def test_scaling_says_what_is_wrong_with_a_field(service: TestClient, asks: str, why: str) -> None:
    assert why in html.unescape(_page(service, f"/scaling?{asks}", 422))


def test_a_studys_suggestion_fills_the_forms(studied: TestClient) -> None:
    rate = studied.get(f"{API}/suggestion").json()["learning_rate"]
    assert f'value="{rate:.4g}"' in _page(studied, f"/scaling?study={quote(STUDY)}")
    shown = _page(studied, f"/schedules?study={quote(STUDY)}")
    assert json.dumps(rate) in shown
    assert "no study" in html.unescape(_page(studied, "/scaling?study=nothing", 404))
