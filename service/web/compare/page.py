"""`/compare?study=a&study=b`: two to five studies side by side."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from lrtune.service.access.check import beyond_scope
from lrtune.service.api.container import Caller, Container, Parts
from lrtune.service.sentences import listing as sentences
from lrtune.service.tuning.state.budget import counted_trials
from lrtune.service.tuning.suggesting.suggestion import prepare
from lrtune.service.tuning.views.studies import status_view, study_view
from lrtune.service.web.compare.columns import choices_of, column_of
from lrtune.service.web.compare.settings import differing
from lrtune.service.web.errors import told_page
from lrtune.service.web.pages import page
from lrtune.service.wire.studies import Study, StudyStatus

router = APIRouter(include_in_schema=False)


@router.get("/compare")
async def compare_page(
    request: Request, parts: Parts, caller: Caller, study: Annotated[list[str], Query(default_factory=list)]
) -> Response:
    """Their best values over steps spent, what each suggests, and in what they differ.

    Raises NotAllowed, StudyNotFound, StudyUnreadable of whichever is not there to compare.
    """
    names = list(dict.fromkeys(study))
    why = _why_not(names, len(study))
    if why is not None:
        return told_page(request, 422, "Choose two to five studies", why)
    for name in names:
        if not caller.sees(name):
            raise beyond_scope(caller, name)
    seen = [await _look(parts, name) for name in names]
    studies, statuses = [one for one, _, _ in seen], [one for _, one, _ in seen]
    return page(
        request,
        "compare.html",
        columns=[column_of(*one) for one in seen],
        choices=choices_of(studies, statuses),
        differing=differing(studies),
        query=urlencode([("study", name) for name in names]),
    )


def _why_not(names: list[str], named: int) -> str | None:
    """Why these are not compared."""
    if len(names) == 1 and named > 1:
        return sentences.compared_with_itself(names[0])
    if len(names) < 2:
        return sentences.too_few_to_compare(len(names))
    return sentences.too_many_to_compare(len(names)) if len(names) > sentences.MOST_COMPARED else None


async def _look(parts: Container, name: str) -> tuple[Study, StudyStatus, int]:
    found = await parts.studies.to_look_at(name)
    await prepare(parts.engine, found)
    if not found.elsewhere:
        await parts.studies.settled(found)
    with parts.engine.lock:
        return study_view(found), status_view(found), counted_trials(found)
