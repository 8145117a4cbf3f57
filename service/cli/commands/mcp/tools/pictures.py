"""Pictures of a study, as PNGs."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lrtune.service.cli.commands.mcp.tools.base import READS, Answer, Tool
from lrtune.service.cli.commands.mcp.tools.studies import OneStudy
from lrtune.service.cli.commands.mcp.worker import AgentWorker
from lrtune.service.wire.base import WHOLE, Reply, StudyName

Name = Literal["response", "curves", "range_test", "best", "parameters", "compare"]
_TAKEN_BY = {"number": "range_test", "over": "best", "others": "compare"}


class DrawPicture(OneStudy):
    """Which picture."""

    picture: Name = "response"
    """response: loss over learning rate; curves: losses by step; range_test; best: best so far; parameters: loss over
    each; compare: with other studies."""
    number: Annotated[int, Field(ge=0, lt=2**31), WHOLE] | None = None
    """Of range_test: which; left out: the latest."""
    over: Literal["trials", "steps", "hours"] | None = None
    """Of best: what was spent; left out: trials."""
    others: Annotated[list[StudyName], Field(min_length=1, max_length=4)] | None = None
    """Of compare: one to four other studies."""

    @model_validator(mode="after")
    def _fits(self) -> "DrawPicture":
        for name, picture in _TAKEN_BY.items():
            if getattr(self, name) is not None and picture != self.picture:
                raise ValueError(f"{name} is for the picture {picture}: leave it out of {self.picture}")
        if self.picture == "compare" and self.others is None:
            raise ValueError("compare needs others: name one to four studies beside this one")
        return self


class SaidPicture(Reply):
    """What is to be seen on the picture beside it."""

    picture: str
    said: str


def _picture(worker: AgentWorker, given: DrawPicture) -> Answer:
    how: dict[str, Any] = {name: value for name in _TAKEN_BY if (value := getattr(given, name)) is not None}
    drawn = worker.client.study(given.study).picture(given.picture, **how)
    return Answer(SaidPicture(picture=given.picture, said=drawn.said), (drawn.png(),))


PICTURES = (
    Tool(
        "picture",
        "Draws a study as an image: response (loss over learning rate, with the fit and where it diverges), curves, "
        "range_test, best, parameters, compare. Spends nothing.",
        DrawPicture,
        SaidPicture,
        READS,
        _picture,
    ),
)
