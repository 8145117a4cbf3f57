"""The server of the Model Context Protocol: lists the tools, and calls them in threads, with a limit of time."""

import base64
import logging
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anyio
from anyio.to_thread import run_sync
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)

from lrtune.service.cli.commands.mcp.tools.base import Answer
from lrtune.service.cli.commands.mcp.tools.catalogue import TOOLS
from lrtune.service.cli.commands.mcp.worker import AgentWorker
from lrtune.service.rates.checks import Refused
from lrtune.service.sentences.nearest import nearest
from lrtune.service.wire.schedules import ScheduleError
from lrtune.trainers.errors import LrtuneError

CALL_SECONDS = 55.0
"""Below the minute that clients wait for a tool."""
RETRY_SECONDS = 30.0
"""How long a call tries to reach the service."""

INSTRUCTIONS = (
    "lrtune finds learning rates. A search: create_study with a budget; then, until ask says done: ask for a trial, "
    "train with its params, report its losses by step, train on only while the verdict is continue, and finish it; "
    "then suggest. Each ask spends one of max_trials. Without a search: suggest without a study, or range_test."
)

_EXPECTED = (LrtuneError, ImportError, Refused, ScheduleError)
"""What says in a line what is wrong and what to do."""

logger = logging.getLogger(__name__)


def make_server(worker: AgentWorker, *, call_seconds: float = CALL_SECONDS) -> Server[Any]:
    """A server of the tools, which train through `worker`; a call is answered after `call_seconds` at the latest."""

    async def list_tools(_: ServerRequestContext[Any], _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[tool.listed() for tool in TOOLS.values()])

    async def call_tool(_: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        return await _called(worker, params.name, params.arguments or {}, call_seconds)

    schemas = {name: tool.listed().input_schema for name, tool in TOOLS.items()}
    return Server(
        "lrtune",
        title="lrtune",
        version=_version(),
        instructions=INSTRUCTIONS,
        get_tool_input_schema=schemas.get,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def _called(worker: AgentWorker, name: str, arguments: dict[str, Any], call_seconds: float) -> CallToolResult:
    tool = TOOLS.get(name)
    if tool is None:
        close = nearest(name, TOOLS)
        hint = f"did you mean {close}?" if close else f"take one of {', '.join(TOOLS)}"
        return _failed(f"there is no tool {name[:40]!r}: {hint}")
    try:
        with anyio.fail_after(call_seconds):
            return _answered(await run_sync(partial(tool.call, worker, arguments), abandon_on_cancel=True))
    except TimeoutError:
        return _failed(
            f"{name} took longer than {call_seconds:g} s, and may still be done: look with status before you call it "
            "again"
        )
    except _EXPECTED as error:
        return _failed(str(error))
    except Exception as error:
        logger.exception("the tool %s failed", name)
        return _failed(f"{name} failed by a fault of lrtune mcp ({type(error).__name__}): its log says more")


def _answered(answer: Answer) -> CallToolResult:
    said = answer.said.model_dump(mode="json")
    content: list[ContentBlock] = [TextContent(text=answer.said.model_dump_json())]
    for picture in answer.pictures:
        content.append(ImageContent(data=base64.b64encode(picture).decode(), mime_type="image/png"))
    return CallToolResult(content=content, structured_content=said)


def _failed(message: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=" ".join(message.split()))], is_error=True)


def _version() -> str:
    try:
        return version("lrtune")
    except PackageNotFoundError:
        return ""
