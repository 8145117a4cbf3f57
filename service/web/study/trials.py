"""The part `trials`: a page of the study's trials, the latest or the best first."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import get_args

from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Container
from lrtune.service.sentences.words import span
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.views.trials import TrialPaging
from lrtune.service.web.study.told import Told, shown_loss, shown_params
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.trials import TrialState

PAGE = 50
_MOST_PARAMS = 5
_STATES = get_args(TrialState)


@dataclass(frozen=True)
class Row:
    """A trial in the table."""

    number: int
    outcome: str
    value: str
    step: int | None
    max_steps: int | None
    params: list[str]
    worker: str
    took: str


async def tell_trials(parts: Container, study: StudyMirror, _caller: Principal, query: Mapping[str, str]) -> Told:
    """What the template `trials` is told. `query`: `state`, `order` (`latest` or `best`) and `after`, the place in that
    order to go on behind. Raises InvalidField."""
    await parts.studies.settled(study)
    assert study.spec is not None
    state, order, after = _asked(query)
    names = _shown_names(study)
    if order == "best":
        with parts.engine.lock:
            begin = int(after or 0)
            found = [study.trials[number] for _, number in study.ranking[begin : begin + PAGE]]
            rows = [_row(trial, names) for trial in found]
            following = str(begin + PAGE) if begin + PAGE < len(study.ranking) else None
    else:
        page = TrialPaging(study, after, PAGE, lambda trial: not state or trial.outcome == state, newest=True)
        slices = await parts.slices.all([_row(trial, names) for trial in some] for some in page)
        rows, following = [row for some in slices for row in some], page.next
    with parts.engine.lock:
        counts, total = dict(study.tally.outcomes), study.trial_count
    return {
        "rows": rows,
        "names": names,
        "left_out": len(study.spec.search_space) - len(names),
        "metric": study.spec.measured,
        "state": state,
        "order": order,
        "after": after,
        "next": following,
        "states": [(name, counts.get(name, 0)) for name in _STATES],
        "total": total,
    }


def asked_of(query: Mapping[str, str]) -> dict[str, str]:
    """What a query says of the list, and nothing else."""
    return {name: query[name] for name in ("state", "order", "after") if name in query}


def sensible(query: Mapping[str, str]) -> dict[str, str]:
    """The same without what makes no sense: an address that was typed by hand still shows the study."""
    kept: dict[str, str] = {}
    for name, value in asked_of(query).items():
        with suppress(InvalidField):
            _asked(kept | {name: value})
            kept[name] = value
    return kept


def _asked(query: Mapping[str, str]) -> tuple[str, str, str | None]:
    state, order, after = query.get("state", ""), query.get("order", "latest"), query.get("after") or None
    if state and state not in _STATES:
        raise InvalidField(("state",), f"is none of {', '.join(_STATES)}")
    if order not in ("latest", "best"):
        raise InvalidField(("order",), "is latest or best")
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 10):
        raise InvalidField(("after",), "is no place in this list; leave it out to begin anew")
    return state if order == "latest" else "", order, after


def _shown_names(study: StudyMirror) -> list[str]:
    """The rate, and the first few of the others."""
    assert study.spec is not None
    space = study.spec.search_space
    rate = main_learning_rate(space)
    return sorted(space, key=lambda name: name != rate)[:_MOST_PARAMS]


def _row(trial: TrialMirror, names: list[str]) -> Row:
    work = trial.work
    seconds = None
    if trial.started_at is not None and trial.finished_at is not None:
        seconds = max(trial.finished_at - trial.started_at, 0.0)
    value = trial.value
    if value is None and trial.last_step is not None:
        value = trial.intermediate[trial.last_step]
    return Row(
        number=trial.number,
        outcome="paused" if trial.paused else trial.outcome,
        value=shown_loss(value),
        step=trial.last_step,
        max_steps=None if work is None else work.max_steps,
        params=shown_params(trial.params, names),
        worker=(work.worker if work is not None else None) or "–",
        took="–" if seconds is None else span(seconds),
    )
