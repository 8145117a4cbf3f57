"""Pictures of one trial."""

from fastapi import Request

from lrtune.service.api.container import Container
from lrtune.service.pictures.parts import Picture
from lrtune.service.pictures.trial.curve import trial_picture
from lrtune.service.pictures.trial.life import life_picture
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.suggesting.peers import peers_slices
from lrtune.service.tuning.views.drawn.life import life_of
from lrtune.service.tuning.views.drawn.trial import story_of
from lrtune.service.web.pictures.asked import number_of


async def curve_of(parts: Container, study: StudyMirror, request: Request) -> Picture:
    """Its curve, `?number=`, with what its diagnosis rests on. Raises InvalidField, TrialNotFound."""
    number = number_of(request, "a trial")
    await parts.slices.all(peers_slices(study))
    with parts.engine.lock:
        seen = story_of(study, number)
    return trial_picture(await parts.slices.in_thread(lambda: seen.work_out(parts.engine.database)))


async def life_of_trial(parts: Container, study: StudyMirror, request: Request) -> Picture:
    """Its life as a time line, `?number=`. Raises InvalidField, TrialNotFound."""
    number = number_of(request, "a trial")
    with parts.engine.lock:
        found = life_of(study, number, parts.engine.clock())
    return life_picture(found)
