"""`@task`: what a training function says of itself."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def task(*, anneals: bool = False, resumable: bool = False, own_length: bool = False) -> Callable[[Function], Function]:
    """Says about a training function what the service may rely on.

    `anneals`: its learning rate schedule ends at `trial.max_steps`. `resumable`: it goes on from
    `trial.resume` and reports checkpoints. `own_length`: it knows how long to train where the study has no
    `max_steps`, and `trial.max_steps` is None.
    """

    def mark(function: Function) -> Function:
        function.__dict__.update(anneals=anneals, resumable=resumable, own_length=own_length)
        return function

    return mark
