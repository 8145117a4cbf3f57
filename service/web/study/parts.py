"""The parts of a study's page. Each is a template in `templates/parts` and what it is told."""

from collections.abc import Awaitable, Callable, Mapping

from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Container
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.web.study.answer import tell_answer
from lrtune.service.web.study.ended import tell_failures, tell_verdicts
from lrtune.service.web.study.health import health
from lrtune.service.web.study.now import tell_actions, tell_now
from lrtune.service.web.study.range_tests import tell_range_tests
from lrtune.service.web.study.told import Told
from lrtune.service.web.study.trials import tell_trials
from lrtune.service.web.study.workers import tell_workers

Tell = Callable[[Container, StudyMirror, Principal], Awaitable[Told]]
TellAsked = Callable[[Container, StudyMirror, Principal, Mapping[str, str]], Awaitable[Told]]

PARTS: dict[str, Tell] = {
    "actions": tell_actions,
    "answer": tell_answer,
    "now": tell_now,
    "health": health,
    "workers": tell_workers,
    "verdicts": tell_verdicts,
    "failures": tell_failures,
    "range_tests": tell_range_tests,
}
"""By the name of the template."""

ASKED_PARTS: dict[str, TellAsked] = {"trials": tell_trials}
"""Those that look at the query of their address, too."""


def names() -> list[str]:
    """Of all parts."""
    return [*PARTS, *ASKED_PARTS]


async def tell(name: str, parts: Container, study: StudyMirror, caller: Principal, query: Mapping[str, str]) -> Told:
    """What the template of one of these parts is told."""
    if name in PARTS:
        return await PARTS[name](parts, study, caller)
    return await ASKED_PARTS[name](parts, study, caller, query)
