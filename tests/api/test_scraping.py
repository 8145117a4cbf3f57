"""Prometheus comes in by a secret of its own, to /metrics alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from lrtune.service.access.files.scraping import ScrapingSecret
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.api.calls import Json
from tests.api.test_tokens import bearer, made
from tests.support import migrated
from tests.support.clock import Clock

SECRET = "a-secret-of-prometheus"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "metrics-token"
    file.write_text(f"{SECRET}\n")
    return file


@pytest.fixture
def service(tmp_path: Path, file: Path) -> Iterator[TestClient]:
    storage = f"sqlite:///{tmp_path}/lrtune.db"
    migrated.make(storage)
    with TestClient(create_app(Settings(storage=storage, metrics_token_file=file))) as client:
        yield client


@pytest.fixture
def admin(service: TestClient) -> Json:
    return made(service, role="admin")


def _with(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_the_secret_opens_metrics_and_nothing_else(service: TestClient, admin: Json) -> None:
    assert "lrtune_writer" in service.get("/metrics", headers=_with(SECRET)).text
    for path in ("/v1/studies", "/docs", "/v1/me", "/metrics/", "/v1/studies/metrics"):
        assert service.get(path, headers=_with(SECRET)).status_code == 401, path


def test_others_need_to_see_all_studies(service: TestClient, admin: Json) -> None:
    viewer, scoped = made(service, admin, role="viewer"), made(service, admin, role="admin", scopes=["cifar-*"])
    assert service.get("/metrics").status_code == 401
    assert service.get("/metrics", headers=_with(SECRET[:-1])).status_code == 401
    assert service.get("/metrics", headers=bearer(viewer)).status_code == 200
    assert service.get("/metrics", headers=bearer(scoped)).status_code == 403


def test_a_changed_file_is_read_anew_and_a_broken_one_leaves_the_secret(file: Path) -> None:
    elapsed = Clock()
    secret = ScrapingSecret(None, file, elapsed)
    assert secret.opens(SECRET.encode())
    file.write_text("another-secret-of-prometheus")
    elapsed.now += 2
    assert not secret.opens(SECRET.encode())
    assert secret.opens(b"another-secret-of-prometheus")
    for broken in (lambda: file.write_text("short"), file.unlink):
        broken()
        elapsed.now += 2
        assert secret.opens(b"another-secret-of-prometheus")
        assert not secret.opens(b"short")
        assert not secret.opens(b"")


@pytest.mark.parametrize("wrong", ["", "short", "two words, far too long", "ümlaute-sind-es-viele-hier"])
def test_what_can_be_no_secret_is_refused_at_the_start_without_being_shown(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "metrics-token"
    file.write_text(wrong)
    for given in ({"metrics_token": wrong}, {"metrics_token_file": file}, {"metrics_token_file": tmp_path / "absent"}):
        with pytest.raises(ValidationError) as caught:
            Settings.model_validate(given)
        said = caught.value.errors()[0]["msg"]
        assert not wrong or wrong not in said


def test_the_secret_is_not_shown_with_the_settings() -> None:
    assert SECRET not in repr(Settings.model_validate({"metrics_token": SECRET}))
