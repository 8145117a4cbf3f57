"""Names of studies that no request's path can hold are refused before anything is sent."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lrtune
from lrtune import Client, LrtuneError, NotFound
from lrtune.optuna import create_study
from lrtune.trainers.errors import InvalidRequest
from tests.fake_service import FakeService

RULE = "name: must be 1 to 128 of the letters A-Z a-z, digits and . _ - : @ +, beginning with a letter or digit, not "
SPACE = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}


@pytest.mark.parametrize("name", ["", "/", ".", "..", "a/b", "x y/../z", "ü/ß", 5, None, "caf\udce9"])
@pytest.mark.parametrize(
    "call",
    [
        Client.study,
        Client.create_study,
        Client.suggestion,
        Client.delete_study,
        Client.status,
        lambda client, name: list(client.export_study(name)),
        lambda client, name: create_study(study_name=name or "", search_space=SPACE, storage=client),
    ],
)
def test_a_name_that_no_path_holds_is_refused_and_nothing_sent(
    client: Client, service: FakeService, call: Callable[[Client, Any], object], name: Any
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        call(client, name)
    assert str(caught.value).startswith(RULE)
    assert str(caught.value).isascii() or "ü" in str(caught.value)
    assert service.calls == []


@pytest.mark.parametrize("name", ["", "a/b", 5])
def test_tune_refuses_it_too(tmp_path: Path, name: Any) -> None:
    with pytest.raises(LrtuneError) as caught:
        lrtune.tune(lambda _: 1.0, name=name, storage=tmp_path / "lrtune.db", max_trials=1, progress=False)
    assert str(caught.value).startswith(RULE)


@pytest.mark.parametrize("name", ["a b", "ü", "...", "a%2Fb", "?#"])
def test_names_that_only_optuna_gives_are_asked_for(client: Client, service: FakeService, name: str) -> None:
    with pytest.raises(NotFound):
        client.study(name)
    assert [path for _, path, _ in service.calls] == [f"/v1/studies/{name}"]
