"""Pictures of how a study gets on: curves, the best so far, rungs, and where the steps went."""

from fastapi import Request

from lrtune.service.api.container import Container
from lrtune.service.pictures.parts import Picture
from lrtune.service.pictures.progress.best import OVER, best_picture
from lrtune.service.pictures.progress.budget import budget_picture
from lrtune.service.pictures.progress.curves import MOST_CURVES, MOST_POINTS, curves_picture
from lrtune.service.pictures.progress.rungs import rungs_picture
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.suggesting.shown_trials import counts_of
from lrtune.service.tuning.views.curves_shown import CurveSeen, keep_curves, look_at_curves, shown_numbers
from lrtune.service.tuning.views.drawn.progress import best_of, budget_of
from lrtune.service.tuning.views.drawn.rungs import rungs_of
from lrtune.service.wire.learning_rates import main_learning_rate


async def curves_of(parts: Container, study: StudyMirror, _request: Request) -> Picture:
    """Learning curves: of the trials that run, of the latest that reported, and of the best."""
    with parts.engine.lock:
        assert study.spec is not None
        spec, begun, best = study.spec, sum(counts_of(study).values()), study.best
        numbers = shown_numbers(study, MOST_CURVES)
    seen = await parts.slices.all(look_at_curves(study, numbers))
    trials = await parts.slices.in_thread(
        lambda: [one.thinned(MOST_POINTS) if isinstance(one, CurveSeen) else one for one in seen]
    )
    with parts.engine.lock:
        keep_curves(study, trials)
    return await parts.slices.in_thread(
        lambda: curves_picture(
            trials,
            title=f"study {spec.name}",
            metric=spec.measured,
            direction=spec.direction,
            parameter=main_learning_rate(spec.search_space),
            best=None if best is None else best.number,
            step="fold" if steps_are_folds(spec) else "step",
            begun=begun,
        )
    )


async def best_so_far_of(parts: Container, study: StudyMirror, request: Request) -> Picture:
    """The best value so far, `?over=trials`, `steps` or `hours`. Raises InvalidField."""
    asked = request.query_params.get("over", "trials")
    over = next((one for one in OVER if one == asked), None)
    if over is None:
        raise InvalidField(("over",), f"must be one of {', '.join(OVER)}, not {asked!r}")
    with parts.engine.lock:
        found = best_of(study)
    return best_picture(found, over)


async def spending_of(parts: Container, study: StudyMirror, _request: Request) -> Picture:
    """Where the steps went."""
    with parts.engine.lock:
        return budget_picture(budget_of(study))


async def reached_of(parts: Container, study: StudyMirror, _request: Request) -> Picture:
    """How far trials came, and what they came to."""
    with parts.engine.lock:
        found = rungs_of(study)
    return rungs_picture(found)
