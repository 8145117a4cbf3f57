"""The part of a study's page with its health cards."""

import re

from starlette.testclient import TestClient

from tests.api.calls import StudyCalls
from tests.api.conftest import create


def test_each_card_shows_its_state_in_a_word_and_links_its_trials(service: TestClient) -> None:
    study: StudyCalls = create(service, name="ill", max_steps=5)
    for _ in range(4):
        study.finish(study.lease(), "failed", error="ValueError: <b>&'quoted'")
    page = service.get("/studies/ill/parts/health").text
    assert page.index("Are failures one bug?") < page.index("Is the search past random?")
    assert page.count("Not known yet") >= 5
    assert "Wrong" in page
    assert "&lt;b&gt;&amp;" in page
    assert "<b>" not in page
    assert re.findall(r'href="(/studies/ill/trials/\d)"', page) == [f"/studies/ill/trials/{n}" for n in range(4)]
    assert "style=" not in page
    assert "<script" not in page
