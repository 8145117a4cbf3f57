"""Which studies' samplers fail, as `/readyz` tells it."""

from typing import Any

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.tuning.state.sampler_trouble import SamplerTrouble, trouble_of
from lrtune.service.tuning.views.times import as_datetime

_MOST_SHOWN = 20
_LATEST_SECONDS = 3600.0
"""What has drawn without trouble for so long is no longer told of."""


def failing_samplers(engine: Engine) -> dict[str, dict[str, Any]]:
    """By study, the latest first: how many draws its sampler failed, or took too long for, since the study is in
    memory, and the reason, trial and time of the last. At most twenty studies, and of the last hour alone."""
    with engine.lock:
        since = engine.clock() - _LATEST_SECONDS
        found = [(study.name, trouble_of(study)) for study in engine.residents()]
        recent = [(name, told) for name, told in found if told.at is not None and told.at >= since]
        recent.sort(key=lambda entry: entry[1].at or 0.0, reverse=True)
        return {name: _shown(told) for name, told in recent[:_MOST_SHOWN]}


def _shown(told: SamplerTrouble) -> dict[str, Any]:
    at = as_datetime(told.at)
    assert at is not None
    when = at.isoformat().replace("+00:00", "Z")
    return {"draws": told.draws, "reason": told.reason, "trial": told.trial, "at": when}
