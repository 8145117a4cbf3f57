"""What was measured: sides, their ratios, and whether the ratios hold what was promised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Side:
    """One side of a figure, a number a round."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return median(self.rounds)

    @property
    def least(self) -> float:
        """The smallest round."""
        return min(self.rounds)

    @property
    def most(self) -> float:
        """The largest round."""
        return max(self.rounds)


@dataclass(frozen=True)
class Check:
    """A ratio of two sides, or one side's median, and the bound it must keep.

    The ratio is the median of the rounds' own ratios: what else the machine did in a round slowed both sides of it.
    `judged` is False where the bound was promised for another number of trials: then it is shown only.
    """

    of: Side
    against: Side | None
    bound: float
    at_least: bool
    judged: bool = True

    @property
    def value(self) -> float:
        """The ratio; the side's median where it is compared with nothing."""
        if self.against is None:
            return self.of.median
        return median(one / other for one, other in zip(self.of.rounds, self.against.rounds, strict=True))

    @property
    def passed(self) -> bool | None:
        """Whether the bound holds; None where it is not judged."""
        if not self.judged:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def shown_at(self) -> str:
        """The side beside which it is shown."""
        return self.against.name if self.against else self.of.name

    @property
    def text(self) -> str:
        """The ratio for people: `12.3 ×`; nothing where it is none."""
        return f"{self.value:.3g} ×" if self.against else ""

    @property
    def must_text(self) -> str:
        """The bound for people: `≥ 30`."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"

    @property
    def verdict(self) -> str:
        """`holds`, `FAILS` or, where it is not judged, nothing."""
        return {True: "holds", False: "FAILS", None: ""}[self.passed]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "of": self.of.name,
            "against": self.against.name if self.against else None,
            "value": self.value,
            "must": f"{'>=' if self.at_least else '<='} {self.bound:g}",
            "passed": self.passed,
        }


@dataclass(frozen=True)
class Figure:
    """A line of the table: the same thing measured on several sides in one run."""

    row: str
    title: str
    storage: str
    trials: int
    unit: str
    sides: tuple[Side, ...]
    checks: tuple[Check, ...] = ()

    @property
    def summary(self) -> str:
        """One line: the sides' medians, and the checks."""
        sides = ", ".join(f"{side.name} {side.median:.4g} {self.unit}" for side in self.sides)
        checks = "".join(f"; {check.text} {check.must_text} {check.verdict}".rstrip() for check in self.checks)
        return f"{self.storage}, {self.trials:,} trials, {self.title}: {sides}{checks}"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "row": self.row,
            "title": self.title,
            "storage": self.storage,
            "trials": self.trials,
            "unit": self.unit,
            "sides": {side.name: {"median": side.median, "rounds": list(side.rounds)} for side in self.sides},
            "checks": [check.as_json() for check in self.checks],
        }


@dataclass
class Rounds:
    """Collects the rounds of several sides, in the order of their first appearance."""

    _values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """One more round of a side."""
        self._values.setdefault(name, []).append(value)

    def sides(self) -> dict[str, Side]:
        """What was collected, by name."""
        return {name: Side(name, tuple(values)) for name, values in self._values.items()}


@dataclass(frozen=True)
class Findings:
    """Everything one run found."""

    machine: Mapping[str, Any]
    figures: Sequence[Figure]
    notes: Sequence[str]

    @property
    def passed(self) -> int:
        """Checks that hold."""
        return self._count(True)

    @property
    def failed(self) -> int:
        """Checks that do not."""
        return self._count(False)

    @property
    def unjudged(self) -> int:
        """Checks whose bound was promised for another number of trials."""
        return self._count(None)

    def _count(self, wanted: bool | None) -> int:
        return sum(check.passed is wanted for figure in self.figures for check in figure.checks)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "machine": dict(self.machine),
            "figures": [figure.as_json() for figure in self.figures],
            "notes": list(self.notes),
            "passed": self.passed,
            "failed": self.failed,
            "unjudged": self.unjudged,
        }
