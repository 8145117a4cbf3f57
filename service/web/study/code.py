"""A suggestion as code to train with: Python, YAML, flags of a command."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

_TORCH = {
    "sgd": ("SGD", {"momentum", "weight_decay", "nesterov", "dampening"}),
    "momentum": ("SGD", {"momentum", "weight_decay", "dampening"}),
    "nesterov": ("SGD", {"momentum", "weight_decay"}),
    "adam": ("Adam", {"weight_decay", "eps", "amsgrad"}),
    "adamw": ("AdamW", {"weight_decay", "eps", "amsgrad"}),
    "nadam": ("NAdam", {"weight_decay", "eps"}),
    "radam": ("RAdam", {"weight_decay", "eps"}),
    "adamax": ("Adamax", {"weight_decay", "eps"}),
    "adagrad": ("Adagrad", {"weight_decay", "eps", "lr_decay"}),
    "rmsprop": ("RMSprop", {"momentum", "weight_decay", "eps", "alpha"}),
}
"""By the names that studies and `lrtune.build_optimizer` use: the class of `torch.optim`, and which parameters it
takes under their own names."""
_ALWAYS = {"momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9, "nesterov": True}}
"""What else the names mean, as in `lrtune.build_optimizer`."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS_OF_YAML = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


@dataclass(frozen=True)
class Snippet:
    """A way to take the answer along. `key` is unique on the page."""

    key: str
    title: str
    text: str


def snippets(params: Mapping[str, object], rate_name: str | None, optimizer: str | None) -> list[Snippet]:
    """What to copy, of the parameters of a suggestion; `optimizer` where it is not among them."""
    rounded = {name: _rounded(value) for name, value in params.items()}
    return [
        Snippet("python", "Python", python(rounded, rate_name, optimizer)),
        Snippet("yaml", "YAML", yaml(rounded)),
        Snippet("cli", "CLI", flags(rounded)),
    ]


def python(params: Mapping[str, object], rate_name: str | None, optimizer: str | None) -> str:
    """The parameters as a dict, and an optimizer of torch's that has them.

    Of an optimizer that torch has not, or where none is named: the rate is set in the one that there is.
    """
    lines = ["params = {", *(f"    {_literal(name)}: {_literal(value)}," for name, value in params.items()), "}"]
    if rate_name is None or rate_name not in params:
        return "\n".join(lines)
    rate = f"params[{_literal(rate_name)}]"
    name = str(params.get("optimizer", optimizer or "")).lower()
    if name not in _TORCH:
        return "\n".join([*lines, "for group in optimizer.param_groups:", f'    group["lr"] = {rate}'])
    kind, taken = _TORCH[name]
    given = {"lr": rate} | {option: f"params[{_literal(option)}]" for option in params if option in taken}
    given |= {option: repr(value) for option, value in _ALWAYS.get(name, {}).items() if option not in given}
    options = [f"    {option}={value}," for option, value in given.items()]
    call = [f"optimizer = torch.optim.{kind}(", "    model.parameters(),", *options, ")"]
    return "\n".join(["import torch", "", *lines, *call])


def yaml(params: Mapping[str, object]) -> str:
    """A mapping that YAML 1.1 and 1.2 read alike, with the numbers as numbers."""
    return "\n".join(f"{_yaml_key(name)}: {_yaml_value(value)}" for name, value in params.items())


def flags(params: Mapping[str, object]) -> str:
    """Arguments for a script of one's own, quoted for a shell."""
    told = [shlex.quote(f"--{name.replace('_', '-')}={_text(value)}") for name, value in params.items()]
    return " \\\n  ".join(["python train.py", *told])


def _rounded(value: object) -> object:
    """Numbers to four digits: more of them say nothing."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _literal(value: object) -> str:
    """As Python reads it, with the quotes that formatters like."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) or value is None else str(value)


def _yaml_key(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and name.lower() not in _WORDS_OF_YAML
    return name if plain else json.dumps(name)


def _yaml_value(value: object) -> str:
    if not isinstance(value, float):
        return json.dumps(value)
    digits, e, power = repr(value).partition("e")
    return f"{digits}.0{e}{power}" if e and "." not in digits else f"{digits}{e}{power}"
