"""The picture of a study's training curves. Pure: trials in, a picture out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lrtune.service.pictures.parts import Axis, Layer, Line, Panel, Picture, Points, Scale
from lrtune.service.pictures.places import LARGEST
from lrtune.service.rates.thinning import thin
from lrtune.service.sentences import pictures as words
from lrtune.service.wire.trials import Report, TrialWithCurve

MOST_CURVES = 60
"""In one picture."""
MOST_POINTS = 100
"""Of a curve, about; its extremes among them."""
_DASHES: tuple[Literal["solid", "dashed", "dotted", "dashdot"], ...] = ("solid", "dashed", "dotted", "dashdot")
_Place = tuple[int, float]


def curves_picture(
    trials: Sequence[TrialWithCurve],
    *,
    title: str,
    metric: str,
    direction: Literal["minimize", "maximize"],
    parameter: str | None,
    best: int | None = None,
    step: str = "step",
    begun: int | None = None,
) -> Picture:
    """What each trial reported, coloured by `parameter`, the learning rate; the line of the trial `best` is thick, and
    those of pruned trials are pale. Of the first parameter with a few choices (the optimizer, say) each has its own
    dashes. `begun` trials have begun, drawn or not.
    """
    scale = _Rates.of(trials, parameter)
    y = _values_axis(trials, direction, metric)
    name, dashes = _dashes(trials)
    lines: list[Layer] = [
        _line(trial, scale, dashes.get(str(trial.params.get(name)), "solid"), is_best=trial.number == best)
        for trial in sorted(trials, key=lambda trial: trial.number == best)
    ]
    keys: list[Layer] = [
        Line("plain", [], [], label=words.settings({name: choice}), dash=dash) for choice, dash in dashes.items()
    ]
    panel = Panel(Axis(step, whole=True), y, [*keys, *lines, *_ends(trials, direction)])
    all_begun = len(trials) if begun is None else begun
    shown = f"{title}: {words.of_all(len(trials), all_begun)}"
    said = words.curves(len(trials), all_begun) if trials else words.no_curves()
    return Picture(shown, [panel], said, scale=None if scale is None else scale.shown())


@dataclass(frozen=True)
class _Rates:
    """The rates of the trials drawn, as colours."""

    parameter: str
    low: float
    high: float

    @classmethod
    def of(cls, trials: Sequence[TrialWithCurve], parameter: str | None) -> "_Rates | None":
        rates = [rate for trial in trials if (rate := _rate(trial, parameter)) is not None]
        return None if parameter is None or not rates else cls(parameter, min(rates), max(rates))

    def share(self, trial: TrialWithCurve) -> float | None:
        """The place of the trial's rate on the scale of colours, 0 to 1."""
        rate = _rate(trial, self.parameter)
        if rate is None:
            return None
        return 0.5 if self.low == self.high else math.log(rate / self.low) / math.log(self.high / self.low)

    def shown(self) -> Scale:
        low, high = (self.low, self.high) if self.low < self.high else (self.low / 2, self.high * 2)
        return Scale(self.parameter.replace("_", " "), low, high, log=True)


def _line(trial: TrialWithCurve, scale: _Rates | None, dash: Any, *, is_best: bool) -> Line:
    reports = thinned(trial.curve)
    own = {name: value for name, value in trial.params.items() if scale is None or name == scale.parameter}
    return Line(
        "plain",
        [report.step for report in reports],
        [float(report.value) for report in reports],
        label=words.best(trial.number) if is_best else "",
        dash=dash,
        width=3.0 if is_best else 1.3,
        pale=trial.state == "pruned" and not is_best,
        shade=None if scale is None else scale.share(trial),
        trial=trial.number,
        told=words.told(trial.number, trial.state, dict(list(own.items())[:3])),
    )


def thinned(curve: Sequence[Report], most: int = MOST_POINTS) -> list[Report]:
    """At most so many reports, the least and the greatest values among them."""
    return [curve[index] for index in thin(np.array([float(report.value) for report in curve]), most)]


def _ends(trials: Sequence[TrialWithCurve], direction: str) -> list[Layer]:
    """Where trials diverged, on the worse edge, where others came to their end or have come so far, and where those
    ended that were asked to be shorter."""
    diverged = [trial for trial in trials if trial.state == "diverged" and trial.curve]
    layers: list[Layer] = []
    if diverged:
        where = [trial.curve[-1].step for trial in diverged]
        edge: Literal["top", "bottom"] = "top" if direction == "minimize" else "bottom"
        more: dict[str, Any] = {
            "label": words.ends("diverged", len(diverged)),
            "trials": [trial.number for trial in diverged],
        }
        layers.append(Points("diverged", where, [None] * len(where), at=edge, texts=_told(diverged), **more))
    longest = max((trial.max_steps or 0 for trial in trials), default=0)
    for role, alike in _by_end(trials, longest).items():
        ends = [_finite(trial)[-1] for trial in alike]
        label = words.ends(role, len(alike))
        steps, values = [step for step, _ in ends], [value for _, value in ends]
        numbers = [trial.number for trial in alike]
        layers.append(Points(role, steps, values, label, _told(alike), numbers))
    return layers


def _by_end(trials: Sequence[TrialWithCurve], longest: int) -> Mapping[str, list[TrialWithCurve]]:
    found: dict[str, list[TrialWithCurve]] = {}
    for trial in trials:
        short = trial.state == "complete" and (trial.max_steps or longest) < longest
        role = "short" if short else trial.state
        if role not in ("complete", "diverged") and _finite(trial):
            found.setdefault(role, []).append(trial)
    return {role: found[role] for role in words.STATES if role in found}


def _told(trials: Sequence[TrialWithCurve]) -> list[str]:
    return [
        words.told(trial.number, trial.state, {"step": trial.step}, trial.explanation or trial.error or "")
        for trial in trials
    ]


def _finite(trial: TrialWithCurve) -> list[_Place]:
    return [(report.step, float(report.value)) for report in trial.curve if abs(report.value) < LARGEST]


def _rate(trial: TrialWithCurve, parameter: str | None) -> float | None:
    value = trial.params.get(parameter) if parameter is not None else None
    usable = isinstance(value, float | int) and not isinstance(value, bool) and 1 / LARGEST < value < LARGEST
    return float(value) if usable and value is not None else None


def _dashes(trials: Sequence[TrialWithCurve]) -> tuple[str, dict[str, Any]]:
    """The first text-valued parameter with at least two choices and no more than there are dashes, and those."""
    names = dict.fromkeys(name for trial in trials for name, value in trial.params.items() if isinstance(value, str))
    for name in names:
        chosen = sorted({value for trial in trials if isinstance(value := trial.params.get(name), str)})
        if 1 < len(chosen) <= len(_DASHES):
            return name, dict(zip(chosen, _DASHES, strict=False))
    return "", {}


def _values_axis(trials: Sequence[TrialWithCurve], direction: str, metric: str) -> Axis:
    """All values; of losses no more than three times the median of each trial's first, since some blow up."""
    curves = [[value for _, value in _finite(trial)] for trial in trials]
    values = sorted(value for curve in curves for value in curve)
    if not values:
        return Axis(metric, ends=(0.0, 1.0), bare=True)
    firsts = sorted(curve[0] for curve in curves if curve)
    low, high = values[0], values[-1]
    if direction == "minimize" and low > 1 / LARGEST:
        ends = low / 1.15, min(high * 1.15, 3.0 * firsts[len(firsts) // 2])
        return Axis(metric, log=ends[1] > 8 * ends[0], ends=ends)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(metric, ends=(low - room, high + room))
