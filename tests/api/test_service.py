import re
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import optuna
import pytest
from starlette.testclient import TestClient

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.api.calls import assert_problem
from tests.api.conftest import NewStudy, create, serving


def test_healthz_says_alive(client: TestClient) -> None:
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "alive"})


def test_readyz_says_that_the_storage_answers_the_schema_is_current_and_the_writer_is_here(
    each_client: TestClient,
) -> None:
    response = each_client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"ready": True, "storage": "reachable", "schema": "current", "writer": "held"}


def test_a_second_service_on_the_database_is_a_standby_that_refuses_work_and_takes_over(storage_url: str) -> None:
    with ExitStack() as second_stays:
        with serving(storage_url) as first:
            name = create(first).name
            second = second_stays.enter_context(serving(storage_url))
            ready = second.get("/readyz")
            assert (ready.status_code, ready.json()["writer"]) == (503, "standby")
            assert "another lrtune process" in ready.json()["detail"]
            assert second.get("/healthz").status_code == 200
            refused = second.get(f"/v1/studies/{name}")
            assert_problem(refused, 503, "standby")
            assert int(refused.headers["retry-after"]) >= 1
        deadline = time.monotonic() + 20
        while second.get("/readyz").status_code == 503 and time.monotonic() < deadline:
            threading.Event().wait(0.05)
        assert second.get("/readyz").status_code == 200
        assert second.get(f"/v1/studies/{name}").status_code == 200


def test_a_storage_that_cannot_be_opened_is_a_503_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(f"sqlite:///{tmp_path}/file/lrtune.db") as client:
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        found = assert_problem(client.get("/v1/studies"), 503)
        assert "folder" in found["detail"]


def test_metrics_count_requests_verdicts_and_results_by_route(own_client: TestClient) -> None:
    study = create(own_client, max_steps=5)
    trial = study.lease()
    study.verdict(trial, (1, "nan"))
    study.finish(trial, "diverged")
    own_client.get("/no/such/path")
    response = own_client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    lines = response.text.splitlines()
    reports = "/v1/studies/{study}/trials/{number}/reports"
    assert f'lrtune_requests_total{{method="POST",route="{reports}",status="200"}} 1.0' in lines
    assert 'lrtune_requests_total{method="GET",route="other",status="404"} 1.0' in lines
    assert 'lrtune_verdicts_total{reason="diverged",verdict="stop"} 1.0' in lines
    assert 'lrtune_results_total{state="diverged"} 1.0' in lines
    assert "lrtune_writer 1.0" in lines
    assert "lrtune_commit_changes_sum 4.0" in lines


@pytest.mark.parametrize(
    "series",
    [
        *(f'results_total{{state="{state}"}}' for state in ("complete", "pruned", "diverged", "failed")),
        *(f'verdicts_total{{reason="{reason}",verdict="stop"}}' for reason in ("pruned", "diverged", "study_finished")),
        'verdicts_total{reason="paused",verdict="pause"}',
        'verdicts_total{reason="",verdict="continue"}',
        *(f'connections_timed_out_total{{part="{part}"}}' for part in ("head", "body", "answer", "idle")),
        *(
            f'tokens_refused_total{{reason="{reason}"}}'
            for reason in ("missing", "malformed", "unknown", "expired", "revoked")
        ),
        'requests_limited_total{limit="asks_per_second"}',
    ],
)
def test_a_counter_is_zero_from_the_start_so_that_its_first_rise_is_seen(own_client: TestClient, series: str) -> None:
    assert f"lrtune_{series} 0.0" in own_client.get("/metrics").text.splitlines()


def test_heartbeats_count_as_verdicts(own_client: TestClient) -> None:
    study = create(own_client)
    study.heartbeat(study.lease())
    assert 'lrtune_verdicts_total{reason="",verdict="continue"} 1.0' in own_client.get("/metrics").text


def test_the_docs_page_needs_no_other_host(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert any(asset.endswith(".js") for asset in assets)
    assert any(asset.endswith(".css") for asset in assets)
    for asset in assets:
        assert asset.startswith("/")
        assert not asset.startswith("//")
        served = client.get(asset)
        assert served.status_code == 200
        assert len(served.content) > 100
    assert "cdn" not in page.text


def test_the_openapi_page_describes_every_path_of_the_contract(client: TestClient) -> None:
    page = client.get("/openapi.json").json()
    one = "/v1/studies/{study}"
    expected = {
        "/v1/studies": {"get", "post"},
        one: {"get", "patch", "delete"},
        f"{one}/status": {"get"},
        f"{one}/suggestion": {"get"},
        f"{one}/trials": {"get", "post"},
        f"{one}/trials.csv": {"get"},
        f"{one}/trials/enqueue": {"post"},
        f"{one}/trials/record": {"post"},
        f"{one}/trials/{{number}}": {"get"},
        **{f"{one}/trials/{{number}}/{verb}": {"post"} for verb in ("reports", "heartbeat", "result", "release")},
        "/healthz": {"get"},
        "/readyz": {"get"},
        "/metrics": {"get"},
    }
    for path, methods in expected.items():
        assert methods <= page["paths"][path].keys(), path
        for method in methods:
            operation = page["paths"][path][method]
            assert operation["summary"]
            assert operation["description"]
            assert operation["responses"]["422"] == {"$ref": "#/components/responses/Problem422"}
    refusal = page["components"]["responses"]["Problem422"]
    assert refusal["content"].keys() == {"application/problem+json"}
    assert page["components"]["schemas"]["Problem"]["required"] == ["type", "title", "status", "detail"]


def test_the_dashboard_is_served_over_the_same_storage(each_study: NewStudy) -> None:
    study = each_study()
    trial = study.lease()
    study.finish(trial, value=0.5)
    client = study.client
    redirect = client.get("/optuna/", follow_redirects=False)
    assert redirect.status_code in (302, 307)
    assert client.get(redirect.headers["location"]).status_code == 200
    summaries = client.get("/api/studies").json()["study_summaries"]
    (found,) = [summary for summary in summaries if summary["study_name"] == study.name]
    detail = client.get(f"/api/studies/{found['study_id']}", params={"after": 0}).json()
    assert [shown["values"] for shown in detail["trials"]] == [[0.5]]


def test_the_dashboard_is_served_only_where_it_is_asked_for(tmp_path: object) -> None:
    settings = Settings(storage=f"sqlite:///{tmp_path}/plain.db")
    with TestClient(create_app(settings)) as client:
        assert_problem(client.get("/optuna/"), 404)
        assert_problem(client.get("/api/studies"), 404)


def test_a_study_made_with_optuna_alone_is_not_served_and_its_name_is_taken(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    with serving(url) as client:
        create(client)
    optuna.create_study(storage=url, study_name="of-optuna")
    with serving(url) as client:
        names = [item["name"] for item in client.get("/v1/studies").json()["items"]]
        assert "of-optuna" not in names
        assert_problem(client.get("/v1/studies/of-optuna"), 404, "study-not-found")
        for if_exists in ("fail", "load"):
            body = {"name": "of-optuna", "if_exists": if_exists}
            assert_problem(client.post("/v1/studies", json=body), 409, "study-exists")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/v1/studies", 405)])
def test_paths_and_methods_that_are_not_there_are_problems(
    client: TestClient, method: str, path: str, status: int
) -> None:
    assert "/docs" in assert_problem(client.request(method, path), status)["detail"]


def test_a_body_beyond_the_limit_is_a_413_whether_it_tells_its_length_or_not(client: TestClient) -> None:
    def pieces() -> object:
        for _ in range(20):
            yield b"x" * 65_536

    headers = {"content-type": "application/json"}
    for content in (b"x" * 1_048_577, pieces()):
        found = assert_problem(client.post("/v1/studies", content=content, headers=headers), 413, "body-too-large")
        assert "1048576" in found["detail"]
