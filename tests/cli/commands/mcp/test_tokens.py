"""A server of agents shows a token as every command does, and may no more than that."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrtune.service.cli.commands.mcp.worker import AgentWorker
from lrtune.trainers.client.client import Client
from tests.cli.commands.mcp.talking import Agent, talk_here
from tests.end_to_end.conftest import Service
from tests.support.processes import Programs


@pytest.fixture
def secured(programs: Programs, tmp_path: Path) -> Iterator[Client]:
    """An admin's client of a service that wants tokens."""
    service = Service(programs, f"sqlite:///{tmp_path}/lrtune.db")
    with Client(service.address) as first:
        admin = first.create_token("admin").secret
    with Client(service.address, token=admin) as client:
        client.create_study("s", max_trials=1)
        yield client


def test_an_agent_may_what_its_token_may(secured: Client) -> None:
    stopping = threading.Event()
    own = Client(secured.server, token=secured.create_token("worker", scopes=["s"]).secret, stopping=stopping)

    async def beyond(agent: Agent) -> str:
        assert (await agent.call("ask", study="s"))["trial"] == 0
        return await agent.refused("stop", study="s")

    with AgentWorker(own, idle_seconds=100, stopping=stopping) as worker:
        said = talk_here(worker, beyond)
    assert "403" in said
    assert secured.trial("s", 0).state == "waiting"
    assert secured.study("s").spec.state == "running"


def test_an_agent_without_a_token_is_told_where_it_goes(
    secured: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LRTUNE_TOKEN", raising=False)
    monkeypatch.delenv("LRTUNE_TOKEN_FILE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    stopping = threading.Event()
    with AgentWorker(Client(secured.server, stopping=stopping), idle_seconds=100, stopping=stopping) as worker:
        said = talk_here(worker, lambda agent: agent.refused("list_studies"))
    assert "set LRTUNE_TOKEN" in said
    assert "401" in said
