"""What a page without a study takes from one that its address names."""

from dataclasses import dataclass

from lrtune.service.access.check import beyond_scope
from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Container
from lrtune.service.tuning.suggesting.suggestion import latest, prepare
from lrtune.service.wire.base import ParameterValue


@dataclass(frozen=True)
class Taken:
    """A study's suggestion."""

    study: str
    learning_rate: float | None
    params: dict[str, ParameterValue]
    tags: dict[str, str]


async def taken_from(parts: Container, caller: Principal, study: str) -> Taken | None:
    """None where no study is named. Raises NotAllowed, StudyNotFound."""
    if not study:
        return None
    if not caller.sees(study):
        raise beyond_scope(caller, study)
    found = await parts.studies.get(study)
    await prepare(parts.engine, found)
    await parts.studies.settled(found)
    with parts.engine.lock:
        suggestion = latest(found)
        assert found.spec is not None
        tags = dict(found.spec.tags)
    return Taken(study, suggestion.learning_rate, suggestion.params, tags)
