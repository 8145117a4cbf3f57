"""What is said of the storage over HTTP: why it is away, and neither a secret of its URL nor the URL."""

import shutil
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.api.conftest import serving
from tests.faults.conftest import until

AWAY = [
    "postgresql+psycopg://me:hush-hush@127.0.0.1:1/db",
    "postgresql://127.0.0.1:1/db?user=me&password=hush-hush",
    "postgresql://127.0.0.1:1/db?PassWord=hush-hush&sslpassword=hush-hush-too",
    "postgresql://me:hush-hush@127.0.0.1:1/db?connect_timeout=hush-hush",
]


def answers(client: TestClient) -> list[httpx2.Response]:
    lease = {"lease": "x"}
    return [
        client.get("/readyz"),
        client.post("/v1/studies", json={"name": "s"}),
        client.get("/v1/studies"),
        client.get("/v1/studies/s/status"),
        client.post("/v1/studies/s/trials", json={"worker": "w", "request_id": "r1"}),
        client.post("/v1/studies/s/trials/0/heartbeat", json=lease),
        client.post("/v1/studies/s/trials/0/reports", json=lease | {"reports": [{"step": 1, "value": 1.0}]}),
    ]


@pytest.mark.parametrize("url", AWAY)
def test_no_answer_and_no_line_of_the_log_holds_a_secret_and_no_answer_the_url(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(url) as client:
        for answer in answers(client):
            assert answer.status_code == 503
            assert "hush" not in answer.text
            assert "://" not in answer.text
    assert "storage is away" in caplog.text
    assert "hush" not in caplog.text


def test_a_standby_says_so_without_naming_the_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lrtune.db"
    with serving(url), serving(url) as standby:
        for answer in answers(standby):
            assert answer.status_code == 503
            assert answer.json()["type"] == "standby"
            assert "://" not in answer.text


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    shutil.copyfile(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)


@pytest.mark.parametrize(("change", "words"), [(remove, "is gone"), (replace, "taken the place")])
def test_a_file_that_is_not_the_one_any_more_is_503_within_a_second_with_the_reason(
    tmp_path: Path, change: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "lrtune.db"
    with serving(f"sqlite:///{path}") as client:
        assert client.post("/v1/studies", json={"name": "s"}).status_code == 201
        change(path)
        until(lambda: client.get("/v1/studies/s").status_code == 503, 2.0)
        until(lambda: words in client.get("/readyz").json().get("detail", ""), 2.0)
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["writer"]) == (503, "away")
        for answer in answers(client):
            assert answer.status_code == 503
