"""What stands in a spool file: whose it is, what was reported, and how the trial ended."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter

from lrtune.service.wire import trials as wire
from lrtune.trainers.client.http.bodies import as_json
from lrtune.trainers.client.spool.lines import line_of


class Owner(BaseModel):
    """The first line: the lease that all that follows is of."""

    kind: Literal["lease"] = "lease"
    version: Literal[1] = 1
    server: str
    study: str
    key: str
    """Says which study of that name it is: `client.standing`."""
    number: int
    attempt: int
    lease: str


class Told(BaseModel):
    """One report, and the checkpoint that came with it."""

    kind: Literal["report"] = "report"
    report: wire.Report
    checkpoint: wire.Checkpoint | None = None


class Finished(BaseModel):
    """The result of the trial, as it is sent."""

    kind: Literal["result"] = "result"
    body: wire.Result


class GivenBack(BaseModel):
    """That the trial was given back, as it is sent."""

    kind: Literal["release"] = "release"
    body: wire.Release


End = Finished | GivenBack
Entry = Annotated[Owner | Told | Finished | GivenBack, Field(discriminator="kind")]

_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)


def written(entry: BaseModel) -> bytes:
    """Its line."""
    return line_of(as_json(entry))


def read(body: bytes) -> Owner | Told | Finished | GivenBack:
    """What a line's body says. Raises ValueError for what another version, or program, wrote."""
    return _ENTRY.validate_json(body)
