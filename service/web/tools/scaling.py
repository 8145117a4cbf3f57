"""`/scaling`: a learning rate moved to another batch size or length of training. A form that needs no script."""

import math
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from lrtune.service.api.container import Caller, Parts
from lrtune.service.rates.checks import Refused
from lrtune.service.rates.scaling import OPTIMIZERS, Scaling, scale
from lrtune.service.sentences.words import rate
from lrtune.service.web.pages import page
from lrtune.service.web.tools.of_study import Taken, taken_from

router = APIRouter(include_in_schema=False)

_FIELDS = ("learning_rate", "batch_size", "new_batch_size", "optimizer", "total_steps", "new_total_steps")
_NEEDED = _FIELDS[:4]
_FACTORS = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16)
"""Batch sizes of the table, over the old one."""
_LARGEST = 2**53


@dataclass(frozen=True)
class Row:
    """A batch size of the table."""

    batch_size: int
    learning_rate: str
    why_not: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class Answer:
    """What is shown below the form."""

    scaled: Scaling
    learning_rate: str
    betas: str
    epsilon: str
    rows: list[Row]


@dataclass(frozen=True)
class Form:
    """What stands in the fields, and what is wrong with which."""

    values: dict[str, str]
    wrong: dict[str, str] = field(default_factory=dict)
    answer: Answer | None = None


@router.get("/scaling")
async def scaling_page(request: Request, parts: Parts, caller: Caller, study: str = "") -> Response:
    """The form, with the answer where enough is given. Raises NotAllowed, StudyNotFound."""
    taken = await taken_from(parts, caller, study)
    form = _form(request.query_params, _of(taken))
    status = 422 if form.wrong else 200
    return page(request, "tools/scaling.html", status, here="/scaling", form=form, optimizers=OPTIMIZERS, taken=taken)


def _of(taken: Taken | None) -> dict[str, str]:
    """The fields as a study fills them: its suggestion, and its tags where it does not search them."""
    if taken is None:
        return {}
    known: dict[str, object] = {**taken.tags, **taken.params}
    found = {"learning_rate": f"{taken.learning_rate:.4g}"} if taken.learning_rate is not None else {}
    if str(known.get("optimizer", "")).lower() in OPTIMIZERS:
        found["optimizer"] = str(known["optimizer"]).lower()
    if str(known.get("batch_size", "")).isdigit():
        found["batch_size"] = str(known["batch_size"])
    return found


def _form(query: QueryParams, of_study: dict[str, str]) -> Form:
    values = {name: query.get(name, of_study.get(name, "")).strip() for name in _FIELDS}
    values["optimizer"] = values["optimizer"] or "adamw"
    asked = "new_batch_size" in query
    missing = [name for name in _NEEDED if not values[name]]
    if missing:
        return Form(values, dict.fromkeys(missing, "is missing") if asked else {})
    wrong = {name: why for name in _FIELDS if (why := _why_not(name, values[name])) is not None}
    if wrong:
        return Form(values, wrong)
    try:
        return Form(values, answer=_answer(values))
    except Refused as refused:
        return Form(values, {refused.field.partition("[")[0]: refused.message})


def _why_not(name: str, text: str) -> str | None:
    """What is wrong with a field; an empty one is left out."""
    if not text or name == "optimizer":
        return None
    if name == "learning_rate":
        try:
            rate_given = float(text)
        except ValueError:
            return f"{text[:30]!r} is no number"
        return None if math.isfinite(rate_given) and rate_given > 0 else "must be above 0"
    whole = text.isascii() and text.isdigit() and len(text) < 17 and 1 <= int(text) <= _LARGEST
    return None if whole else "must be a whole number of at least 1"


def _scaled(values: dict[str, str], new_batch_size: int) -> Scaling:
    old, new = (int(values[name]) if values[name] else None for name in ("total_steps", "new_total_steps"))
    rate_known, batch_size = float(values["learning_rate"]), int(values["batch_size"])
    return scale(rate_known, batch_size, new_batch_size, values["optimizer"], total_steps=old, new_total_steps=new)


def _answer(values: dict[str, str]) -> Answer:
    """Raises Refused."""
    batch_size, new = int(values["batch_size"]), int(values["new_batch_size"])
    scaled = _scaled(values, new)
    sizes = sorted({round(batch_size * factor) for factor in _FACTORS if batch_size * factor >= 1} | {new})
    return Answer(
        scaled,
        "no rule" if scaled.learning_rate is None else rate(scaled.learning_rate),
        "" if scaled.betas is None else ", ".join(f"{beta:.5g}" for beta in scaled.betas),
        "" if scaled.epsilon is None else f"{scaled.epsilon:.3g}",
        [_row(values, size, size == new) for size in sizes if size <= _LARGEST],
    )


def _row(values: dict[str, str], size: int, chosen: bool) -> Row:
    try:
        found = _scaled(values, size).learning_rate
    except Refused as refused:
        return Row(size, "–", refused.message.partition(":")[0], chosen)
    return Row(size, "–" if found is None else rate(found), chosen=chosen)
