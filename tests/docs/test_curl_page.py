"""The page docs/how-to/curl.md, followed from its first line to its last."""

import json
import secrets
from pathlib import Path

import httpx2
import pytest

from tests.docs.curl_page import PAGE, commands, files, printed, run_script, serving, shown
from tests.docs.walk_through import words

TEXT = PAGE.read_text()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("curl")
    with serving(folder) as server:
        return printed(TEXT, folder, server)


def _name(number: int) -> str:
    return commands(TEXT)[number].text[:50]


@pytest.mark.parametrize("number", range(len(commands(TEXT))), ids=_name)
def test_a_command_prints_what_the_page_says(done: list[str], number: int) -> None:
    assert words(shown(done[number])) == words(commands(TEXT)[number].prints)


def test_the_page_goes_through_a_whole_search(done: list[str]) -> None:
    calls = " ".join(command.text for command in commands(TEXT))
    for call in ("/v1/studies", "/trials", "/reports", "/heartbeat", "/result", "/suggestion"):
        assert call in calls
    suggestion = json.loads(done[-1])
    assert suggestion["trials"] == 4
    assert suggestion["basis"] != "prior"


def test_the_same_search_runs_with_a_token_and_not_without(tmp_path: Path) -> None:
    token = f"lrt_{secrets.token_urlsafe(32)}"
    (tmp_path / "token").write_text(token)
    (tmp_path / "token").chmod(0o600)
    for name, text in files(TEXT).items():
        (tmp_path / name).write_text(text)
    with serving(tmp_path, "--admin-token-file", str(tmp_path / "token")) as server:
        with pytest.raises(AssertionError, match="token-refused"):
            run_script("bash search.sh", tmp_path, LRTUNE_SERVER=server)
        told = run_script("bash with-token.sh", tmp_path, LRTUNE_SERVER=server, LRTUNE_TOKEN=token)
        headers = {"Authorization": f"Bearer {token}"}
        status = httpx2.get(f"{server}/v1/studies/from-a-shell/status", headers=headers).json()
    assert '"role":"admin"' in told
    assert status["state"] == "finished"
    assert token not in told
