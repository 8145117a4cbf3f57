"""The picture of what one trial reported."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lrtune.service.pictures.parts import Axis, Layer, Line, Panel, Picture, Points, Rule, Span
from lrtune.service.pictures.values import Heights, heights
from lrtune.service.rates.diagnosis import Diagnosis
from lrtune.service.sentences import views as say
from lrtune.service.sentences.words import loss

_MOST_RUNGS = 8
_FEW = 40
"""Up to so many reports each has a mark of its own."""

Curve = Sequence[tuple[int, float]]
"""(step, value) by step; values may be nan or infinite."""


@dataclass(frozen=True)
class TrialStory:
    """A trial's curve, thinned. `earlier`: what its lost leases reported past the checkpoints that the next ones went
    on from, by the number of the lease. `median`: of complete trials, at some of the same steps."""

    study: str
    metric: str
    maximizes: bool
    number: int
    state: str
    curve: Curve
    diagnosis: Diagnosis
    earlier: Mapping[int, Curve] = field(default_factory=dict)
    median: Curve = ()
    rungs: Sequence[int] = ()
    max_steps: int | None = None
    checkpoint: int | None = None
    went_on_from: int | None = None


def trial_picture(found: TrialStory) -> Picture:
    """The curve as it stands, lost parts dashed, what speaks for the verdict shaded, rungs as thin lines, and the
    median of complete trials faintly."""
    title = f"study {found.study}: trial {found.number}"
    said = say.trial(found.number, found.diagnosis.verdict, found.diagnosis.evidence, len(found.earlier))
    if not found.curve and not found.earlier:
        return Picture(title, [], said)
    scale = _heights(found)
    layers = [*_evidence(found), *_rules(found)]
    if found.median:
        x, y = _line(found.median)
        layers.append(Line("plain", x, y, label="median of complete trials", pale=True))
    for lease, curve in found.earlier.items():
        x, y = _line(curve)
        texts = [f"lost with lease {lease}, step {step}: {loss(value)}" for step, value in curve]
        layers.append(Line("failed", x, y, label="lost with an earlier lease", dash="dashed", texts=texts))
    layers += _curve(found, scale)
    return Picture(title, [Panel(_steps(found), scale.axis, layers)], said)


def _heights(found: TrialStory) -> Heights:
    """From all values that are shown; of losses that blow up, not far past where the curve begins."""
    values = [value for _, value in found.curve if math.isfinite(value)]
    others = [value for curve in (*found.earlier.values(), found.median) for _, value in curve if math.isfinite(value)]
    if values and not found.maximizes:
        most = 3.0 * max(abs(values[0]), min(map(abs, values)))
        values = [value for value in values if value <= most] or values[:1]
        others = [value for value in others if value <= most]
    known = sorted([*values, *others])
    axis = heights(found.metric, [*known[:1], *known[-1:]], maximizes=found.maximizes)
    return axis if known else heights(found.metric, [], maximizes=found.maximizes)


def _steps(found: TrialStory) -> Axis:
    last = max([step for curve in (found.curve, *found.earlier.values()) for step, _ in curve], default=1)
    first = min([step for step, _ in found.curve[:1]], default=0)
    end = max(last, found.max_steps or 0) if found.state in ("running", "waiting", "complete") else last
    room = 0.02 * (end - min(first, 1)) or 0.5
    return Axis("step", ends=(min(first, 1) - room, end + room), whole=True)


def _evidence(found: TrialStory) -> list[Layer]:
    layers: list[Layer] = []
    for sign in found.diagnosis.signs:
        low, high = sign.steps
        if low == high:
            layers.append(Rule("edge", float(low), label=sign.name, dash="dotted"))
        else:
            layers.append(Span("evidence", float(low), float(high), label=sign.name))
    return layers


def _rules(found: TrialStory) -> list[Layer]:
    last = max([step for step, _ in found.curve], default=0)
    passed = [step for step in found.rungs if step <= last][-_MOST_RUNGS:]
    layers: list[Layer] = [
        Rule("plain", float(step), label="rungs" if place == 0 else "", dash="dotted")
        for place, step in enumerate(passed)
    ]
    if found.went_on_from is not None and found.earlier:
        layers.append(Rule("paused", float(found.went_on_from), label="went on from here", dash="dashdot"))
    elif found.checkpoint is not None:
        layers.append(Rule("paused", float(found.checkpoint), label="checkpoint", dash="dashdot"))
    return layers


def _curve(found: TrialStory, scale: Heights) -> list[Layer]:
    x, y = _line(found.curve)
    texts = [f"step {step}: {loss(value)}" for step, value in found.curve]
    role = found.state if found.state in ("running", "pruned", "diverged", "failed", "complete") else "paused"
    own = f"trial {found.number}"
    layers: list[Layer] = [Line(role, x, y, label=own, width=2.2, trial=found.number, texts=texts)]
    inside = [(step, value) for step, value in found.curve if not scale.is_past(value)]
    marked = inside if len(found.curve) <= _FEW else inside[-1:]
    layers.append(
        Points(
            role,
            [float(step) for step, _ in marked],
            [value for _, value in marked],
            texts=[f"step {step}: {loss(value)}" for step, value in marked],
        )
    )
    past = [(step, value) for step, value in found.curve if scale.is_past(value)]
    if past:
        told = [f"step {step}: {loss(value)}" for step, value in past]
        places = [float(step) for step, _ in past]
        layers.append(Points("diverged", places, [None] * len(past), label="past the axis", texts=told, at=scale.worse))
    return layers


def _line(curve: Curve) -> tuple[list[float], list[float | None]]:
    return [float(step) for step, _ in curve], [value if math.isfinite(value) else None for _, value in curve]
