"""An agent's side of a conversation, with the client of the package `mcp`."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, ImageContent, TextContent

from lrtune.service.cli.commands.mcp.server import make_server
from lrtune.service.cli.commands.mcp.worker import AgentWorker
from tests.end_to_end.conftest import environ

COMMAND = ["-m", "lrtune.service.cli.main", "mcp"]
CALL_SECONDS = 60.0

Told = TypeVar("Told")


class Refused(Exception):
    """What a tool said that it cannot do."""


class Agent:
    """Calls tools by their names."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer; the client has checked it by the tool's schema. Raises Refused."""
        found: dict[str, Any] = (await self._result(name, arguments)).structured_content
        return found

    async def refused(self, name: str, **arguments: Any) -> str:
        """What a call that cannot be is answered: one line."""
        with pytest.raises(Refused) as refused:
            await self._result(name, arguments)
        said = str(refused.value)
        assert "\n" not in said
        return said

    async def picture(self, name: str, **arguments: Any) -> ImageContent:
        """The image beside the answer."""
        (image,) = [one for one in (await self._result(name, arguments)).content if isinstance(one, ImageContent)]
        return image

    async def train(self, study: str, loss: Callable[[dict[str, Any], int], float], steps: int) -> dict[str, Any]:
        """One trial from the ask to the end; what ask said."""
        asked = await self.call("ask", study=study)
        if asked["trial"] is None:
            return asked
        for step in range(1, steps + 1):
            report = {"step": step, "value": loss(asked["params"], step)}
            heard = await self.call("report", study=study, trial=asked["trial"], reports=[report])
            if heard["ended"]:
                return asked
        await self.call("finish", study=study, trial=asked["trial"])
        return asked

    async def _result(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        result = await self.client.call_tool(name, arguments)
        assert isinstance(result, CallToolResult)
        if result.is_error:
            (text,) = result.content
            assert isinstance(text, TextContent)
            raise Refused(text.text)
        return result


Conversation = Callable[[Agent], Awaitable[Told]]


def talk(server: Any, conversation: Conversation[Told]) -> Told:
    """A whole conversation with a server, a command or an address."""

    async def run() -> Told:
        async with Client(server, read_timeout_seconds=CALL_SECONDS) as client:
            return await conversation(Agent(client))

    return anyio.run(run)


def command(address: str, *options: str, **variables: str) -> StdioServerParameters:
    """`lrtune mcp` for a service, as an agent starts it."""
    arguments = [*COMMAND, "--server", address, *options]
    return StdioServerParameters(command=sys.executable, args=arguments, env=environ(**variables))


def talk_here(worker: AgentWorker, conversation: Conversation[Told], **limits: float) -> Told:
    """A conversation with the server in this process."""
    return talk(make_server(worker, **limits), conversation)
