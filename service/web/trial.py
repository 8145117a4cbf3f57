"""`/studies/{study}/trials/{number}`: one trial."""

import math
import shlex
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response

from lrtune.service.api.container import Parts
from lrtune.service.sentences import trial as say
from lrtune.service.sentences.words import loss, span
from lrtune.service.tuning.suggesting.peers import peers_slices
from lrtune.service.tuning.suggesting.suggestion import latest, prepare
from lrtune.service.tuning.views.curves import TrialShown, look_at_trial
from lrtune.service.web.pages import page
from lrtune.service.web.paths import study_paths
from lrtune.service.web.study.told import Told, shown_value
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.trials import FEWEST_POINTS, Trial

router = APIRouter(include_in_schema=False)

_BEHIND = 0.2
"""The suggestion that parameters are compared with may lack this share of the finished trials."""
_SAME = 1e-9
_OPEN = ("running", "waiting")


@dataclass(frozen=True)
class Parameter:
    """A parameter of the trial beside the suggested one."""

    name: str
    value: str
    suggested: str | None
    """Where it differs."""


@router.get("/studies/{study}/trials/{number}")
async def trial_page(
    study: str,
    number: Annotated[int, Path(ge=0, lt=2**31)],
    request: Request,
    parts: Parts,
    body: Annotated[bool, Query()] = False,
) -> Response:
    """All of it as it is now, or (`body`) what scripts fetch anew. Raises StudyNotFound, TrialNotFound."""
    found = await parts.studies.get(study)
    await prepare(parts.engine, found, behind=_BEHIND)
    await parts.studies.settled(found)
    await parts.slices.all(peers_slices(found))
    with parts.engine.lock:
        seen = look_at_trial(found, number)
        assert found.spec is not None
        spec, count = found.spec, len(found.trials)
        told: Told = {"params": _parameters(seen.head, latest(found).params)}
    shown = await parts.slices.in_thread(partial(seen.work_out, FEWEST_POINTS))
    told |= _told(shown, spec.sampler.name) | {"metric": spec.measured, "last": count - 1}
    told["rate"] = main_learning_rate(spec.search_space)
    address = f"/v1/studies/{quote(study, safe='')}/trials/{number}"
    curl = _curl(str(request.base_url).rstrip("/") + address, secured=parts.access.registry.secured)
    template = "trial/body.html" if body else "trial/page.html"
    paths: dict[str, Any] = study_paths(request, study)
    if not told["open"]:
        paths["events"] = None  # It has ended: nothing happens to it any more.
    return page(request, template, study=found, told=told, curl=curl, **paths)


def _told(shown: TrialShown, sampler: str) -> Told:
    trial, drawn = shown.head, shown.head.drawn
    value = "–" if trial.value is None else loss(trial.value)
    if trial.value is not None and trial.standard_error is not None:
        value += f" ± {trial.standard_error:.2g}"
    return {
        "trial": trial,
        "value": value,
        "reported": len(shown.values) > 0,
        "last_value": loss(float(shown.values[-1])) if len(shown.values) else None,
        "open": trial.state in _OPEN,
        "verdict": say.VERDICTS[shown.diagnosis.verdict],
        "diagnosis": shown.diagnosis,
        "drawn": say.drawn(sampler) if drawn is None else say.drawn_instead(drawn.by, drawn.reason),
        "repeats": None if trial.repeats is None else say.repeats(trial.repeats),
        "again": None if trial.again is None else say.again(trial.again),
        "log": say.LOG if trial.error else None,
        "took": None if trial.duration_seconds is None else span(trial.duration_seconds),
        "point": trial.params,
    }


def _parameters(trial: Trial, suggested: dict[str, Any]) -> list[Parameter]:
    return [
        Parameter(
            name,
            shown_value(value),
            shown_value(suggested[name]) if name in suggested and not _same(value, suggested[name]) else None,
        )
        for name, value in trial.params.items()
    ]


def _same(value: object, other: object) -> bool:
    if isinstance(value, float) and isinstance(other, int | float):
        return math.isclose(value, other, rel_tol=_SAME)
    return value == other


def _curl(address: str, *, secured: bool) -> str:
    header = '-H "Authorization: Bearer $LRTUNE_TOKEN" ' if secured else ""
    return f"curl -s {header}{shlex.quote(address)}"
