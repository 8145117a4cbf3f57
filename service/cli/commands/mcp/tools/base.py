"""What a tool is: its arguments and its answer as models, what it does, and how it is shown to agents."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mcp_types import Tool as ListedTool
from mcp_types import ToolAnnotations
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from lrtune.service.cli.commands.mcp.worker import AgentWorker
from lrtune.service.wire.base import Body
from lrtune.service.wire.messages import place, said
from lrtune.trainers.errors import InvalidRequest

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
SETS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
SPENDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False)
"""What cannot be had back: a place of a study's budget, a search that goes on."""

Given = TypeVar("Given", bound=Body)


@dataclass(frozen=True)
class Answer:
    """What a tool says, and the pictures that go with it, as PNGs."""

    said: BaseModel
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Tool(Generic[Given]):
    """A function that agents may call."""

    name: str
    does: str
    takes: type[Given]
    gives: type[BaseModel]
    hints: ToolAnnotations
    run: Callable[[AgentWorker, Given], BaseModel | Answer]

    def listed(self) -> ListedTool:
        """As it is listed."""
        return ListedTool(
            name=self.name,
            description=self.does,
            input_schema=_schema(self.takes, "validation"),
            output_schema=_schema(self.gives, "serialization"),
            annotations=self.hints,
        )

    def call(self, worker: AgentWorker, arguments: dict[str, Any]) -> Answer:
        """Its answer. Raises InvalidRequest for arguments that cannot be, and what the function raises."""
        answer = self.run(worker, self._read(arguments))
        return answer if isinstance(answer, Answer) else Answer(answer)

    def _read(self, arguments: dict[str, Any]) -> Given:
        try:
            return self.takes.model_validate(arguments)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in place(first["loc"])) or "arguments"
        reason = said(first)
        if first["type"] in ("missing", "extra_forbidden") and len(first["loc"]) == 1:
            state = "is missing" if first["type"] == "missing" else "is unknown"
            reason = f"{state}; {self.name} takes {', '.join(self.takes.model_fields) or 'nothing'}"
        raise InvalidRequest(where, reason)


class _Untitled(GenerateJsonSchema):
    """Without the titles that only repeat the names: an agent reads every word."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


def _schema(model: type[BaseModel], mode: Any) -> dict[str, Any]:
    schema = model.model_json_schema(mode=mode, schema_generator=_Untitled)
    for one in (schema, *schema.get("$defs", {}).values()):
        one.pop("title", None)
    schema.pop("description", None)
    return schema
