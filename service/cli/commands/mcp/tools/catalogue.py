"""All tools, in the order in which they are listed."""

from typing import Any

from lrtune.service.cli.commands.mcp.tools.base import Tool
from lrtune.service.cli.commands.mcp.tools.pictures import PICTURES
from lrtune.service.cli.commands.mcp.tools.rates import RATES
from lrtune.service.cli.commands.mcp.tools.studies import STUDIES
from lrtune.service.cli.commands.mcp.tools.training import TRAINING
from lrtune.service.cli.commands.mcp.tools.trials import TRIALS

TOOLS: dict[str, Tool[Any]] = {tool.name: tool for tool in (*STUDIES, *TRAINING, *TRIALS, *RATES, *PICTURES)}
