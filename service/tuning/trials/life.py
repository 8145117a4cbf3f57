"""What became of a trial after its first lease: kept in an attribute of bounded size.

A trial that is leased once, and ends, has no such log: when it began and ended, and where, is known anyway. So only a
lease that is given back, lost or paused, and the next one, write a row more.
"""

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.trial import TrialMirror
from lrtune.service.storage.schema.attributes import LIFE_ATTR
from lrtune.service.wire.lives import HAPPENED, Event, Happened

_FIRST, _LAST = 8, 24
"""So many events of a trial are kept: what lies between the first and the last ones is forgotten."""
_LONGEST = 100


def note(change: Change, trial: TrialMirror, what: Happened) -> None:
    """Keep that this happened now to the trial's lease."""
    work = trial.work
    assert work is not None
    known = trial.system_attrs.get(LIFE_ATTR)
    log = list(known) if isinstance(known, list) else []
    log.append([round(change.now, 3), what, (work.worker or "")[:_LONGEST], work.attempt])
    if len(log) > _FIRST + _LAST:
        log = [*log[:_FIRST], *log[-_LAST:]]
    change.set_trial_attr(trial, LIFE_ATTR, log, system=True)


def events_of(trial: TrialMirror) -> list[Event]:
    """What was kept, in the order of time. Others may write attributes, too: what is no such event is left out."""
    known = trial.system_attrs.get(LIFE_ATTR)
    found = []
    for entry in known if isinstance(known, list) else []:
        match entry:
            case [int() | float() as at, str() as what, str() as worker, int() as attempt] if what in HAPPENED:
                found.append(Event(float(at), what, worker, attempt))
    return found
