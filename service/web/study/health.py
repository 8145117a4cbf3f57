"""The part of a study's page with its health cards."""

from typing import Any

from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Container
from lrtune.service.sentences.health.common import STATES
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.health.health import health_of


async def health(parts: Container, study: StudyMirror, _caller: Principal) -> dict[str, Any]:
    """The cards, those that want attention first; and what each state is called."""
    await parts.studies.settled(study)
    found = await health_of(parts.engine, study, parts.slices.in_thread)
    order = list(STATES)
    return {"cards": sorted(found.cards, key=lambda card: order.index(card.state)), "states": STATES}
