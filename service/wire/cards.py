"""What notebooks show of what is on the wire."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lrtune.service.sentences.cards import card, curve_svg, interval_svg
from lrtune.service.sentences.words import between, loss, paragraph, rate

_LONGEST = 300


class Suggested(Protocol):
    """What a suggestion says."""

    @property
    def learning_rate(self) -> float | None: ...
    @property
    def interval(self) -> tuple[float, float] | None: ...
    @property
    def max_stable_learning_rate(self) -> float | None: ...
    @property
    def params(self) -> Mapping[str, Any]: ...
    @property
    def expected_value(self) -> float | None: ...
    @property
    def explanation(self) -> str: ...
    @property
    def warnings(self) -> Sequence[str]: ...


class Point(Protocol):
    """A point of a curve."""

    @property
    def step(self) -> int: ...
    @property
    def value(self) -> float: ...


class Found(Protocol):
    """What a range test says."""

    @property
    def recommended(self) -> float | None: ...
    @property
    def bounds(self) -> tuple[float, float] | None: ...
    @property
    def diverged_at(self) -> float | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def warnings(self) -> Sequence[str]: ...


def suggestion_card(found: Suggested) -> str:
    """The rate, its interval on an axis, what to expect, and why."""
    interval = found.interval
    ends = ("", "") if interval is None else between(*interval)
    title = f"learning rate {rate(found.learning_rate)}" if found.learning_rate is not None else "suggestion"
    stable, expected = found.max_stable_learning_rate, found.expected_value
    rows = [
        ("interval (80 %)", " to ".join(ends) if interval else ""),
        ("expected", "" if expected is None else loss(expected)),
        ("diverges above", "" if stable is None else rate(stable)),
        ("train with", _params(found.params)),
    ]
    picture = interval_svg(None, interval, found.learning_rate, ends)
    return card(title, rows, picture=picture, said=paragraph([found.explanation, *found.warnings]))


def trial_card(trial: Any, curve: Sequence[Point] = ()) -> str:
    """Of a `Trial` of the wire: what it trained with, how far it came, how it ended and why."""
    step = "" if trial.step is None else f"{trial.step}{f' of {trial.max_steps}' if trial.max_steps else ''}"
    value, seconds = trial.value, trial.duration_seconds
    rows = [
        ("value", "" if value is None else loss(value)),
        ("with", _params(trial.params)),
        ("step", step),
        ("attempt", str(trial.attempt) if trial.attempt > 1 else ""),
        ("worker", trial.worker or ""),
        ("took", "" if seconds is None else f"{seconds:.1f} s"),
        ("error", (trial.error or "").strip()[-_LONGEST:]),
    ]
    picture = curve_svg([report.step for report in curve], [report.value for report in curve])
    return card(f"trial {trial.number}: {trial.state}", rows, picture=picture, said=trial.explanation or "")


def range_test_card(found: Found, rules: Mapping[str, float | None]) -> str:
    """The rate that it recommends, the usable rates on an axis, what each rule reads off, and why."""
    ends = ("", "") if found.bounds is None else between(*found.bounds)
    named = [(name.replace("_", " "), "" if value is None else rate(value)) for name, value in rules.items()]
    rows = [
        ("usable", " to ".join(ends) if found.bounds else ""),
        ("diverges at", "" if found.diverged_at is None else rate(found.diverged_at)),
        *named,
    ]
    recommended = found.recommended
    title = "range test: no rate recommended" if recommended is None else f"range test: {rate(recommended)}"
    picture = interval_svg(None, found.bounds, recommended, ends)
    return card(title, rows, picture=picture, said=paragraph([found.reason, *found.warnings]))


def study_card(study: Any, server: str) -> str:
    """Of a `Study` of the wire: what it searches, and within what budget, as it was when it was read."""
    limits = [
        f"{study.max_trials} trials" if study.max_trials is not None else "",
        f"{study.max_total_steps} steps" if study.max_total_steps is not None else "",
    ]
    space = [f"{name}: {_range(one.model_dump(exclude_none=True))}" for name, one in study.search_space.items()]
    rows = [
        ("state", study.state),
        ("metric", f"{study.measured}, {study.direction}"),
        ("searches", "; ".join(space)),
        ("budget", ", ".join(limit for limit in limits if limit) or "no limit"),
        ("full training", "" if study.max_steps is None else f"{study.max_steps} steps"),
        ("trials", f"{study.trials} when it was read"),
        ("server", server),
    ]
    return card(f"study {study.name}", rows, said=study.description)


def schedule_card(name: str, fields: Mapping[str, Any]) -> str:
    """Its parameters, as they are in JSON."""
    rows = [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in fields.items()]
    return card(f"schedule {name}", [(key, value) for key, value in rows if key != "name"])


def _range(parameter: Mapping[str, Any]) -> str:
    if "choices" in parameter:
        return ", ".join(map(str, parameter["choices"]))
    return f"{parameter['low']:.3g} to {parameter['high']:.3g}{', log' if parameter.get('log') else ''}"


def _params(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items()
    )
