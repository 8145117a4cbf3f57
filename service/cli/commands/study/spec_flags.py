"""A study's specification from the flags of `lrtune study create`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from lrtune.service.cli.commands.study.choices import read_values
from lrtune.service.sentences.nearest import did_you_mean
from lrtune.service.wire.fields import TYPE_WORDS
from lrtune.service.wire.learning_rates import is_learning_rate, main_learning_rate

PARAM_HELP = (
    "A parameter of the search space, repeatable: NAME=float:LOW:HIGH[:log][:rate], NAME=int:LOW:HIGH[:log] or "
    "NAME=choice:A,B,C; ':rate' makes it the learning rate where its name does not (lr, eta0, …); "
    "with @OTHER=VALUE[,VALUE] at the end it exists only there. Choices are numbers, true, false, "
    "null, or else words; quotes keep a comma, an @ or a number as text, and a JSON list does, too. "
    "Examples: --param momentum=float:0:0.99@optimizer=sgd, --param 'crop=choice:\"1,2\",none'"
)
_KINDS = ("float", "int", "choice")
_OTHERS = {"categorical": "choice"} | {
    word: "choice" if told == "categorical" else told for word, told in TYPE_WORDS.items() if word not in _KINDS
}
FORMS = "write NAME=float:LOW:HIGH[:log][:rate], NAME=int:LOW:HIGH[:log] or NAME=choice:A,B,C"


def read_spec(where: str, standard_input: TextIO) -> dict[str, Any]:
    """The JSON object in a file, or on standard input for `-`. Raises ValueError in one line."""
    if where == "-":
        text = standard_input.read()
    else:
        try:
            text = Path(where).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"--spec {where} cannot be read: {error}") from None
    try:
        spec = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"--spec {where} is not JSON: {error}") from None
    if not isinstance(spec, dict):
        raise ValueError(f"--spec {where} must hold a JSON object like the body of POST /v1/studies")
    return spec


def search_space(
    given: Mapping[str, Any] | None,
    params: Sequence[str],
    low: float | None,
    high: float | None,
    *,
    no_rate: bool = False,
) -> dict[str, Any] | None:
    """The search space that --spec and the flags make together; None to leave it to the service.

    A learning rate is part of it, unless the spec has a search space without one: the parameter that has the role or
    a usual name, else `learning_rate`. `low` and `high` are its bounds; with `no_rate` there is to be none. Raises
    ValueError in one line.
    """
    if no_rate:
        return _without_rate({**(given or {}), **dict(map(parse_param, params))}, low, high)
    if given is None and not params and low is None and high is None:
        return None
    space: dict[str, Any] = {**(given or {}), **dict(map(parse_param, params))}
    described = {name: _Described(one) for name, one in space.items() if isinstance(one, Mapping)}
    rate = main_learning_rate(described)
    bounds = {name: bound for name, bound in (("low", low), ("high", high)) if bound is not None}
    if rate is not None:
        return space | {rate: {**space[rate], **bounds}}
    choice = next((name for name, one in described.items() if is_learning_rate(name, one)), None)
    if choice is not None and bounds:
        raise ValueError(f"--low and --high bound a learning rate, but {choice} is a choice: leave them out")
    if choice is not None or (given is not None and not bounds):
        return space
    return {"learning_rate": {"type": "float", "low": 1e-6, "high": 1.0, "log": True} | bounds} | space


def _without_rate(space: dict[str, Any], low: float | None, high: float | None) -> dict[str, Any]:
    if low is not None or high is not None:
        raise ValueError("--low and --high bound a learning rate: leave them out, or --no-learning-rate")
    if not space:
        raise ValueError("--no-learning-rate leaves nothing to search: say what with --param")
    for name, one in space.items():
        if isinstance(one, Mapping) and is_learning_rate(name, _Described(one)):
            raise ValueError(f"--no-learning-rate, but {name} is one: leave one of the two out")
    return space


@dataclass(frozen=True)
class _Described:
    """A parameter of the wire format that nobody has checked yet."""

    parameter: Mapping[str, Any]

    @property
    def role(self) -> str | None:
        return self.parameter.get("role")

    @property
    def is_number(self) -> bool:
        return self.parameter.get("type") != "categorical"

    @property
    def is_flag(self) -> bool:
        choices = self.parameter.get("choices")
        listed = choices if isinstance(choices, list) else []
        return any(isinstance(choice, bool) or not isinstance(choice, int | float) for choice in listed)

    @property
    def can_be_rate(self) -> bool:
        return self.is_number


def parse_param(text: str) -> tuple[str, dict[str, Any]]:
    """A name and a parameter of the wire format. Raises ValueError in one line.

    >>> parse_param("momentum=float:0:0.99@optimizer=sgd")
    ('momentum', {'type': 'float', 'low': 0.0, 'high': 0.99, 'when': {'optimizer': ['sgd']}})
    """
    name, equals, rest = text.partition("=")
    kind, _, fields = rest.partition(":")
    if not equals or not name:
        raise ValueError(f"--param {text!r} is not understood: {FORMS}")
    if kind not in _KINDS:
        raise ValueError(f"--param {text!r}: there is no type {kind!r}; {did_you_mean(kind, _KINDS, _OTHERS)}{FORMS}")
    if kind == "choice":
        values, condition = _values(text, fields)
        parameter: dict[str, Any] = {"type": "categorical", "choices": values}
    else:
        bounds, at, condition = fields.partition("@")
        parameter = _range(text, kind, bounds.split(":"))
        if at and "=" not in condition:
            raise ValueError(f"--param {text!r}: write the condition as @OTHER=VALUE[,VALUE]")
    if condition:
        parent, _, wanted = condition.partition("=")
        if not parent:
            raise ValueError(f"--param {text!r}: write the condition as @OTHER=VALUE[,VALUE]")
        parameter["when"] = {parent: _values(text, wanted, condition=False)[0]}
    return name, parameter


def _range(text: str, kind: str, fields: Sequence[str]) -> dict[str, Any]:
    read = float if kind == "float" else _whole
    scale = fields[2:]
    try:
        low, high = (read(field) for field in fields[:2])
    except ValueError:
        what = "two numbers" if kind == "float" else "two whole numbers"
        raise ValueError(f"--param {text!r}: its bounds must be {what}: {FORMS}") from None
    if scale not in ([], ["log"], ["rate"], ["log", "rate"]):
        raise ValueError(f"--param {text!r}: after the bounds only ':log' may follow, and then ':rate'")
    said: dict[str, dict[str, Any]] = {"log": {"log": True}, "rate": {"role": "learning_rate"}}
    return {"type": kind, "low": low, "high": high} | {
        key: value for word in scale for key, value in said[word].items()
    }


def _whole(field: str) -> int:
    try:
        return int(field)
    except ValueError:
        number = float(field)
    if not number.is_integer():
        raise ValueError
    return int(number)


def _values(text: str, values: str, *, condition: bool = True) -> tuple[list[Any], str]:
    try:
        return read_values(values, condition=condition)
    except ValueError as error:
        raise ValueError(f"--param {text!r}: {error}") from None
