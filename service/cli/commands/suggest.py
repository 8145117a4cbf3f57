"""`lrtune suggest`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from lrtune.service.cli.completion import OPTIMIZERS, among, study_names
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server, read_tags, tag_option
from lrtune.service.cli.output import fail, print_json
from lrtune.service.wire.as_text import suggestion_line, suggestion_reasons

_WHOLE = ("batch_size", "total_steps")


def suggest(
    study: Annotated[
        str | None,
        typer.Argument(help="Name of the study; left out: from past studies.", autocompletion=study_names),
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="Without a study: adamw, sgd, …", autocompletion=among(*OPTIMIZERS))
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Without a study: the batch size.")] = None,
    total_steps: Annotated[int | None, typer.Option(min=1, help="Without a study: optimizer steps.")] = None,
    family: Annotated[
        str | None, typer.Option(help="Without a study: the kind of task, as studies tag it; lora for LoRA.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        tag_option("Without a study: the same as studies are tagged, --tag family=cnn --tag optimizer=adamw."),
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """What to train with, on all that a study knows so far. Costs no trial.

    Without a study: what past studies found with the same optimizer, else what is usual. The last line is the suggested
    learning rate with its interval; with --json, everything the service says.
    """
    from lrtune.trainers.errors import InvalidRequest

    flags = {"optimizer": optimizer, "batch_size": batch_size, "total_steps": total_steps, "family": family}
    wanted = _with_tags(flags, read_tags(tag))
    if study is not None and any(value is not None for value in wanted.values()):
        fail("a study knows its optimizer, batch size, steps and family: name it alone, or leave it out", code=2)
    with connect(server) as client:
        try:
            suggestion = client.suggest(**wanted) if study is None else client.suggestion(study)
        except InvalidRequest as error:
            if error.field == "name":  # No option.
                raise
            fail(f"--{error.field.replace('_', '-')}: {error.reason}", code=2)
    if as_json:
        print_json(suggestion)
        return
    for line in suggestion_reasons(suggestion):
        print(line)
    print(suggestion_line(suggestion))


def _with_tags(flags: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """What past studies are looked for by, said by options or by tags."""
    wanted = dict(flags)
    for key, text in tags.items():
        if key not in flags:
            fail(f"--tag {key}={text}: past studies are found by {', '.join(flags)}", code=2)
        value = int(text) if key in _WHOLE and text.isascii() and text.isdigit() else text
        if key in _WHOLE and value == text:
            fail(f"--tag {key}={text}: must be a whole number", code=2)
        if wanted[key] not in (None, value):
            fail(f"--tag {key}={text}: --{key.replace('_', '-')} says {wanted[key]}: leave one of them out", code=2)
        wanted[key] = value
    return wanted
