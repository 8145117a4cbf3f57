"""A line of the log for each thing that was done to a study, once it is on disk. The audit keeps it for longer."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lrtune.service.storage.memory.actor import Actor

_log = logging.getLogger(__name__)

EVENTS = {
    "study.create": "study created",
    "study.adopt": "study adopted",
    "study.import": "study imported",
    "study.change": "study changed",
    "study.halt": "study halted",
    "study.delete": "study deleted",
    "trial.enqueue": "trial enqueued",
    "trial.record": "trial recorded",
    "trial.change": "trial changed",
    "range_test.add": "range test kept",
}
"""What the log calls each action of the audit that is done to a study."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done to a study, by whom; `told` is for the log alone."""

    action: str
    study: str
    actor: Actor
    told: Mapping[str, Any] = field(default_factory=dict)


def tell(deeds: Iterable[Deed]) -> None:
    """Log them."""
    for deed in deeds:
        _log.info(EVENTS[deed.action], extra={"study": deed.study, **deed.told, **deed.actor.told})
