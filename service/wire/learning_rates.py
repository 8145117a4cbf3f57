"""Which parameters are learning rates, and which of them is *the* learning rate: for service and trainers alike.

`"role": "learning_rate"` in a parameter's specification says it. Without one, names say it that mean nothing else:
`learning_rate`, `lr`, `eta0` and `eta` however they are written (`LR`, `learning-rate`, `learningRate`), and those of
groups of them, `learning_rate.embedding`. What merely ends so is none: `min_lr` is a floor, `decay_lr` a flag,
`warmup_lr` where a warm-up starts.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

_NAMES = ("learningrate", "lr", "eta0", "eta")
"""Without separators and in lower case, those first that leave the least doubt."""

_NO_GROUP = re.compile(r"^(min|max|init|start|end|final|floor|base|warm|decay|factor|gamma|sched|step|mult)", re.I)
_SEPARATORS = re.compile(r"[_\-\s]")


class Described(Protocol):
    """A parameter: what its specification says of its role, and of what kind its values are."""

    @property
    def role(self) -> str | None: ...

    @property
    def is_flag(self) -> bool: ...

    @property
    def is_number(self) -> bool: ...

    @property
    def can_be_rate(self) -> bool: ...


def is_learning_rate(name: str, parameter: Described) -> bool:
    """Whether the parameter of that name is a learning rate, by its role or else by its name.

    A name is not believed of flags, choices of words that is.
    """
    return parameter.role is not None or (_rank(name) is not None and not parameter.is_flag)


def main_learning_rate(space: Mapping[str, Described]) -> str | None:
    """The numeric parameter that is *the* learning rate: one with the role before those known by name, and of either
    `learning_rate` before `lr` before others, and groups' last; None where there is none. One whose values are not all
    above 0 is none: no new study has such a rate, an old one may."""
    return _meant({name: one for name, one in space.items() if one.can_be_rate})


def _meant(space: Mapping[str, Described]) -> str | None:
    """The numeric parameter that is meant to be the learning rate, whatever its bounds."""
    numbers = {name: one for name, one in space.items() if one.is_number and is_learning_rate(name, one)}
    with_role = [name for name, one in numbers.items() if one.role is not None]
    return best_name(with_role or numbers)


def must_be_rates(space: Mapping[str, Described]) -> list[str]:
    """The parameters whose values must all be learning rates: those with the role, the main learning rate and its
    groups, and choices of rates where no number is one. Another with a usual name may be anything."""
    named = [name for name, one in space.items() if is_learning_rate(name, one)]
    main = _meant(space) or best_name(named)
    return [name for name in named if name == main or space[name].role is not None or _is_group_of(name, main)]


def best_name(names: Iterable[str]) -> str | None:
    """Of `names` that are all of learning rates, the one most likely to be *the* learning rate; None of none."""
    return min(names, key=lambda name: _rank(name) or (False, len(_NAMES)), default=None)


def named_so(name: str) -> bool:
    """Whether the name alone says that it is a learning rate's."""
    return _rank(name) is not None


def _is_group_of(name: str, main: str | None) -> bool:
    return main is not None and "." in name and _base(name) == _base(main)


def _base(name: str) -> str:
    return _SEPARATORS.sub("", name.partition(".")[0]).lower()


def _rank(name: str) -> tuple[bool, int] | None:
    """Whether it is a group's, and the place among the usual names; None of others. Less is better."""
    plain, group = _base(name), name.partition(".")[2]
    if plain not in _NAMES or (group and _NO_GROUP.match(group)) or name.endswith("."):
        return None
    return bool(group), _NAMES.index(plain)
