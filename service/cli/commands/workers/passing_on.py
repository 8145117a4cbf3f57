"""The options of `lrtune worker`, which `lrtune workers` takes and passes on to each worker."""

import copy
from typing import Any

import typer
from typer.core import TyperCommand

from lrtune.service.cli.commands import worker
from lrtune.service.cli.commands.programs import SEPARATOR

OWN = ("program", "server", "concurrency", "name")
"""Of which `lrtune workers` has one itself, or none."""
_GIVEN = ("COMMANDLINE", "ENVIRONMENT")
_KEPT = "lrtune.worker"


class Passing(TyperCommand):
    """A command that takes the options of `lrtune worker` beside its own; `--help` shows its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {name for parameter in self.params for name in parameter.opts}
        self._passed = [
            _hidden(parameter)
            for parameter in typer.main.get_command(worker.app).params
            if parameter.name not in OWN and not own & set(parameter.opts)
        ]
        self.params = [*self.params, *self._passed]

    def invoke(self, ctx: Any) -> Any:
        """As any command; its function finds what is passed on by `arguments` and `value`."""
        passed = {one.name: ctx.params.pop(one.name) for one in self._passed}
        ctx.meta[_KEPT] = (
            passed,
            [
                argument
                for one in self._passed
                if ctx.get_parameter_source(one.name).name in _GIVEN
                for argument in _typed(one, passed[one.name])
            ],
        )
        return super().invoke(ctx)


def arguments(ctx: Any, program: list[str] | None) -> list[str]:
    """Of `lrtune`, for one worker; what the environment says here is said, since it may be silent there."""
    _, options = ctx.meta[_KEPT]
    return ["worker", *options, "--concurrency=1", *((SEPARATOR, *program) if program else ())]


def value(ctx: Any, name: str) -> Any:
    """What an option of the worker is."""
    return ctx.meta[_KEPT][0][name]


def _hidden(parameter: Any) -> Any:
    found = copy.copy(parameter)
    found.hidden = True
    return found


def _typed(parameter: Any, given: Any) -> list[str]:
    """As one would type it."""
    if parameter.is_flag:
        names = parameter.opts if given else parameter.secondary_opts
        return list(names[:1])
    values = given if parameter.multiple else [given]
    return [f"{parameter.opts[0]}={one}" for one in values if one is not None]
