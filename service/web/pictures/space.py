"""Pictures of a study's parameters: each over the metric, all at once, and what matters."""

import asyncio
from dataclasses import dataclass

from fastapi import Request

from lrtune.service.api.container import Container
from lrtune.service.pictures.parts import Picture
from lrtune.service.pictures.space.importance import Importances, importance_picture
from lrtune.service.pictures.space.parallel import parallel_picture
from lrtune.service.pictures.space.parameter import parameter_picture
from lrtune.service.pictures.space.parameters import Tried, parameters_picture
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.suggesting.shown_trials import counts_of, outcome_of, shown_trials
from lrtune.service.tuning.views.drawn.importance import weighing_of
from lrtune.service.tuning.views.drawn.space import over_parameter, space_of
from lrtune.service.tuning.views.live.study import retrieve


async def parameters_of(parts: Container, study: StudyMirror, _request: Request) -> Picture:
    """The metric over each numeric parameter."""
    with parts.engine.lock:
        assert study.spec is not None
        spec, counts = study.spec, counts_of(study)
        seen = [(trial, *outcome_of(study, trial)) for trial in shown_trials(study)]
        tried = [Tried(trial.number, state, trial.params, value) for trial, state, value in seen]
    return await parts.slices.in_thread(
        lambda: parameters_picture(
            tried,
            spec.search_space,
            title=f"study {spec.name}",
            metric=spec.measured,
            direction=spec.direction,
            counts=counts,
        )
    )


async def parameter_of(parts: Container, study: StudyMirror, request: Request) -> Picture:
    """The metric over one parameter, `?parameter=`. Raises InvalidField."""
    with parts.engine.lock:
        found = over_parameter(study, request.query_params.get("parameter"))
    return await parts.slices.in_thread(lambda: parameter_picture(found))


@dataclass
class _Weighed:
    """The study's importances, worked out once for all who ask, and how many trials were complete then."""

    complete: int = -1
    found: asyncio.Task[Importances] | None = None


async def _weighed(parts: Container, study: StudyMirror) -> Importances:
    """Anew only when a trial has been completed, or after a failure."""
    with parts.engine.lock:
        keeper, complete = study.derived(_Weighed), len(study.ranking)
        found = keeper.found
        failed = found is not None and found.done() and (found.cancelled() or found.exception() is not None)
        if found is None or failed or keeper.complete != complete:
            found = asyncio.create_task(parts.slices.in_thread(weighing_of(study).run), name="lrtune-importances")
            found.add_done_callback(retrieve)
            keeper.complete, keeper.found = complete, found
    return await asyncio.shield(found)


async def importance_of(parts: Container, study: StudyMirror, _request: Request) -> Picture:
    """What matters, by the complete trials."""
    return importance_picture(await _weighed(parts, study))


async def parallel_of(parts: Container, study: StudyMirror, _request: Request) -> Picture:
    """All parameters at once."""
    weighed = await _weighed(parts, study)
    with parts.engine.lock:
        found = space_of(study, weighed.ranked)
    return await parts.slices.in_thread(lambda: parallel_picture(found))
