"""Memory of past studies: what the best rates found with each optimizer say about the next study.

On small trainings, the median best rate of the same optimizer on other tasks came within 1.1 times the best loss in
47 % of cases, and a range test in 25 %; within twice the best loss in 84 %, and a range test in 89 %
(docs/explanation/range-tests.md).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median, pstdev
from typing import Any

from lrtune.service.rates.checks import Refused
from lrtune.service.rates.scaling import scale
from lrtune.service.rates.starting_rates import LORA_STARTING_RATES, lora_kind, starting_rate
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.sql.reading.past_rates import PastRate, Shown, every_study, read_past
from lrtune.service.tuning.history.recording import ENOUGH_TRIALS, plain_name, whole_number
from lrtune.service.tuning.state.rate_prior import RatePrior
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.search_space import CategoricalParameter
from lrtune.service.wire.studies import StudySpec

_ENOUGH_OF_FAMILY = 3
"""So many studies of the same family speak for themselves; fewer are pooled with the others."""

_LEAST_SPREAD, _FEW_SPREAD = 0.5, 0.75
"""In decades: the least that a prior is taken to spread, and how far where one or two studies say nothing about it."""

_USUAL_SPREAD = 0.78
"""In decades: the middle 80 % of what is usual reach a factor of ten to each side, as its interval does."""


def remember(engine: Engine, spec: StudySpec, *, chosen: bool = False, shown: Shown = every_study) -> dict[str, Any]:
    """What past studies say about a new one, by optimizer, to be kept with it. Blocks; raises StorageUnavailable.

    Whatever the spec's own prior where `auto` was `chosen` since. Empty where the study says neither an optimizer nor
    a family, and where nothing like it was studied, among the studies that are to be `shown`; but LoRA begins where it
    usually does, which is far from where trainings of whole models do.
    """
    if not (chosen or spec.prior == "auto") or main_learning_rate(spec.search_space) is None:
        return {}
    searched = spec.search_space.get("optimizer")
    names = [spec.tags["optimizer"]] if "optimizer" in spec.tags else [""]
    if isinstance(searched, CategoricalParameter):
        names = [choice for choice in searched.choices if isinstance(choice, str)]
    batch_size, total_steps = (whole_number(None, spec.tags.get(name)) for name in ("batch_size", "total_steps"))
    found, family = {}, spec.tags.get("family")
    for name in names:
        prior = remembered(engine, plain_name(name), family, batch_size, total_steps, shown=shown)
        prior = prior or _usual_for_lora(name, family)
        if prior is not None:
            found[plain_name(name)] = asdict(prior)
    return found


def _usual_for_lora(optimizer: str, family: str | None) -> RatePrior | None:
    usual = starting_rate(optimizer, family)
    if usual.unknown is not None or usual not in LORA_STARTING_RATES.values():
        return None
    return RatePrior(usual.learning_rate, _USUAL_SPREAD, usual.told, usual=True)


def remembered(
    engine: Engine,
    optimizer: str,
    family: str | None,
    batch_size: int | None,
    total_steps: int | None,
    *,
    shown: Shown = every_study,
) -> RatePrior | None:
    """The prior of one optimizer (`""`: not said), for a family, a batch size and a length where given, of the studies
    that are to be `shown`. Studies of LoRA tell nothing of whole models, nor these of LoRA. Blocks."""
    if not optimizer and family is None:
        return None
    kind = lora_kind(family)
    with engine.database.read() as connection:
        past = read_past(connection, optimizer=optimizer or None, family=family, at_least=ENOUGH_TRIALS, shown=shown)
        kindred = family is not None and bool(past) and (not optimizer or len(past) >= _ENOUGH_OF_FAMILY)
        if optimizer and not kindred:
            past = read_past(
                connection,
                optimizer=optimizer,
                family=None,
                at_least=ENOUGH_TRIALS,
                shown=shown,
                alike=lambda other: lora_kind(other) == kind,
            )
    named = family if kindred else None if kind is None else "LoRA"
    return _pooled(past, optimizer, named, batch_size, total_steps)


def _pooled(
    past: Sequence[PastRate], optimizer: str, family: str | None, batch_size: int | None, total_steps: int | None
) -> RatePrior | None:
    moved = [_moved(one, batch_size, total_steps) for one in past]
    logs = [math.log10(rate) for rate, _ in moved if rate is not None and rate > 0]
    if not logs:
        return None
    spread = max(pstdev(logs), _LEAST_SPREAD) if len(logs) > 2 else _FEW_SPREAD
    centre = 10 ** median(logs)
    many = f"median best rate of {len(logs)} studies" if len(logs) > 1 else "best rate of one study"
    told = (
        f"the {many}{f' with {optimizer}' if optimizer else ''}{f' on {family}' if family else ''} here is {centre:.2g}"
    )
    scaled = sum(changed for _, changed in moved)
    if scaled:
        told += f" ({scaled} of them scaled to the batch size or length asked for)"
    return RatePrior(centre, spread, told)


def _moved(past: PastRate, batch_size: int | None, total_steps: int | None) -> tuple[float | None, bool]:
    """The rate moved to the batch size and the length of the training, where both are known; and whether it was."""
    assert past.learning_rate is not None
    batches = (past.batch_size, batch_size) if past.batch_size and batch_size else (1, 1)
    steps = (past.total_steps, total_steps) if past.total_steps and total_steps else (1, 1)
    if batches[0] == batches[1] and steps[0] == steps[1]:
        return past.learning_rate, False
    try:
        found = scale(
            past.learning_rate, *batches, past.optimizer, total_steps=steps[0], new_total_steps=steps[1]
        ).learning_rate
    except Refused:  # No rule for this optimizer, or beyond where it holds.
        found = None
    return (past.learning_rate, False) if found is None else (found, True)
