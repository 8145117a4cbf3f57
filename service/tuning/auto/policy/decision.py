"""What a free worker is given to do, and what any such decision goes by."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lrtune.service.tuning.auto.evidence import FRACTIONS, Bools, Floats, Ints
from lrtune.service.tuning.auto.surrogate.acquisition import log_improvement
from lrtune.service.tuning.auto.surrogate.model import Model


@dataclass(frozen=True)
class Decision:
    """What to do with the next free worker: `kind` "new" trains `point` (columns,), "resume" the `trial` (its place
    in the evidence); until checkpoint `until`, which is `FRACTIONS[until]` of a full training. `whole`: to its end
    whatever its early ranks, by final losses (`final_losses`)."""

    kind: Literal["new", "resume"]
    point: Floats | None
    trial: int | None
    until: int
    explanation: str
    whole: bool = False


@dataclass(frozen=True)
class Terms:
    """`whole`, `quantiles`, `insists` and `fresh` of `promotion.decide`."""

    whole: Bools
    quantiles: Floats | None
    insists: bool
    fresh: bool


def gains_of(model: Model, waiting: Ints) -> Floats:
    """Log expected improvement of finishing each paused trial, shape (m,)."""
    evidence = model.evidence
    mean, sd = model.process.predict(evidence.cube[waiting])
    safe = model.odds.safe(evidence.cube[waiting])
    found: Floats = log_improvement(mean, sd, model.best) + np.log(np.maximum(safe, 1e-9))
    return found


def forecast_told(model: Model, trial: int) -> str:
    """The trial's rank by its forecast."""
    known = model.ends[np.isfinite(model.ends)]
    rank = int((known < model.ends[trial]).sum()) + 1
    at = FRACTIONS[model.evidence.reached[trial]]
    return f"forecast from {at:.0%} of a training: rank {rank} of {len(known)}, ± {np.sqrt(model.variances[trial]):.2f}"
