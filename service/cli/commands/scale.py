"""`lrtune scale`."""

import dataclasses
from typing import Annotated

import typer

from lrtune.service.cli.completion import OPTIMIZERS, among
from lrtune.service.cli.options import Json
from lrtune.service.cli.output import fail, print_json
from lrtune.service.wire.as_text import number


def scale(
    learning_rate: Annotated[
        float, typer.Option("--lr", "--learning-rate", help="The rate that was good at the old batch size.")
    ],
    batch_size: Annotated[int, typer.Option("--batch-size", "--from", help="The old batch size.")],
    new_batch_size: Annotated[int, typer.Option("--new-batch-size", "--to", help="The new one.")],
    optimizer: Annotated[
        str,
        typer.Option(
            help="sgd, momentum, nesterov, adam, adamw, rmsprop; no rule is known for adagrad, adadelta, muon, "
            "adafactor, schedule_free.",
            autocompletion=among(*OPTIMIZERS),
        ),
    ],
    beta: Annotated[
        list[float] | None, typer.Option(help="Adam's two betas, RMSProp's alpha; the usual ones by default.")
    ] = None,
    epsilon: Annotated[float | None, typer.Option(help="The optimizer's epsilon.", show_default="1e-8")] = None,
    total_steps: Annotated[int | None, typer.Option(help="Optimizer steps of the old training.")] = None,
    new_total_steps: Annotated[int | None, typer.Option(help="Optimizer steps of the new one.")] = None,
    as_json: Json = False,
) -> None:
    """Move a learning rate to another batch size, or to a longer training: with the rule, its reason and its limits.

    lrtune scale --lr 1e-3 --from 64 --to 256 --optimizer adamw
    """
    from lrtune.service.rates.checks import Refused
    from lrtune.service.rates.scaling import scale as scaled_by_rule

    try:
        found = scaled_by_rule(
            learning_rate,
            batch_size,
            new_batch_size,
            optimizer,
            betas=beta or None,
            epsilon=epsilon,
            total_steps=total_steps,
            new_total_steps=new_total_steps,
        )
    except Refused as refused:
        fail(str(refused), 2)
    if as_json:
        print_json(dataclasses.asdict(found))
        return
    print(found.reason)
    for limit in found.limits:
        print(f"limit: {limit}")
    if found.betas is not None:
        print(f"{'alpha' if len(found.betas) == 1 else 'betas'}={', '.join(f'{value:.6g}' for value in found.betas)}")
    if found.epsilon is not None:
        print(f"epsilon={number(found.epsilon)}")
    if found.learning_rate is None:
        fail(f"there is no rate to give for {optimizer}", 1)
    print(f"learning_rate={number(found.learning_rate)} for batch size {new_batch_size}")
