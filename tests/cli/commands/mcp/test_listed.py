"""The tools as agents see them: as committed, and honest about what they change and spend."""

import json

import pytest

from lrtune.service.cli.commands.mcp.tools.catalogue import TOOLS
from tests.docs.mcp_tools import COMMAND, DOCUMENT, formatted, listed

READERS = {
    *("list_studies", "status", "trials", "diagnose", "suggest"),
    *("schedule_preview", "scale", "picture"),
}
SPENDERS = {"ask", "stop"}


def test_the_tools_are_as_committed() -> None:
    assert DOCUMENT.read_text() == formatted(listed()), f"`{COMMAND}` writes the document anew: look at the difference"


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_says_whether_it_changes_and_spends(name: str) -> None:
    tool = TOOLS[name].listed()
    assert tool.annotations is not None
    assert tool.annotations.read_only_hint is (name in READERS)
    assert tool.annotations.destructive_hint is (name in SPENDERS)
    assert tool.description
    if name in READERS:
        assert "Spends nothing" in tool.description


def test_what_spends_a_budget_names_it() -> None:
    assert "SPENDS ONE OF THE STUDY'S max_trials" in TOOLS["ask"].does
    assert "COUNT IN THE STUDY'S max_total_steps" in TOOLS["report"].does


@pytest.mark.parametrize("name", TOOLS)
def test_every_argument_that_may_be_given_is_read_strictly(name: str) -> None:
    schema = TOOLS[name].listed().input_schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False


def test_an_agent_reads_the_whole_list_in_a_few_thousand_tokens() -> None:
    seen = [[tool["name"], tool["description"], tool["inputSchema"]] for tool in listed()]
    assert len(json.dumps(seen)) < 16_000
