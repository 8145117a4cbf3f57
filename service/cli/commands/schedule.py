"""`lrtune schedule`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrtune.service.cli.completion import SCHEDULES, among
from lrtune.service.cli.options import Json
from lrtune.service.cli.output import fail, print_json, print_table
from lrtune.service.wire.as_text import number

if TYPE_CHECKING:
    from lrtune.service.rates.schedules import Schedule, SchedulePreview

MAX_STEPS_IN_JSON = 100_000
DRAWN_POINTS = 2001
SPARK_POINTS = 60
TABLE_POINTS = 11
WIDE_TABLE_POINTS = 5
MOST_COLUMNS = 5
"""Of schedules side by side; more of them are rows."""
_BARS = "▁▂▃▄▅▆▇█"

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SCHEDULE]...",
        help="Names, or JSON objects as in POST /v1/schedules/preview. None: list them all.",
        autocompletion=among(*SCHEDULES),
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A parameter, repeatable; torch's names do too. NAME.KEY=VALUE for one of several schedules.",
    ),
]


def schedule(
    names: Names = None,
    learning_rate: Annotated[float, typer.Option("--lr", "--learning-rate", help="The base learning rate.")] = 0.1,
    total_steps: Annotated[int, typer.Option(help="Optimizer steps of the training.")] = 100,
    warmup_steps: Annotated[int | None, typer.Option(help="Steps of warm-up before each schedule.")] = None,
    settings: Set = None,
    plot: Annotated[Path | None, typer.Option(help="Draw them over each other into this PNG.")] = None,
    as_json: Json = False,
) -> None:
    """Shows the learning rate at every step, as a training would have it.

    Example: lrtune schedule cosine wsd step --set step.gamma=0.5 --lr 0.1 --total-steps 1000 --plot rates.png
    """
    from lrtune.service.rates.schedules import ScheduleError

    try:
        if not names:
            _list_all(as_json)
            return
        schedules = _read(names, settings or [], warmup_steps)
        if as_json:
            _print_rates(schedules, learning_rate, total_steps)
        else:
            _print_for_people(schedules, learning_rate, total_steps)
        if plot is not None:
            _draw(schedules, learning_rate, total_steps, plot, quiet=as_json)
    except ScheduleError as error:
        where = {"base_learning_rate": "--lr", "total_steps": "--total-steps"}.get(str(error.loc[0]))
        fail(f"{where}: {error.message}" if where else str(error))


def _read(names: Sequence[str], settings: Sequence[str], warmup_steps: int | None) -> "dict[str, Schedule]":
    """The schedules by label. Raises ScheduleError."""
    from lrtune.service.rates.schedules import ScheduleError, read_schedule
    from lrtune.service.wire.schedules import SCHEDULES

    forms = [_form(text) for text in names]
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise ScheduleError((f"--set {setting}",), "write KEY=VALUE, such as --set gamma=0.5")
        owner, dot, rest = key.partition(".")
        targets = [form for form in forms if not dot or form.get("name") == owner]
        parameter = rest if dot else key
        if not dot and len(forms) > 1:
            targets = [form for form in forms if _takes(SCHEDULES.get(str(form.get("name"))), parameter)]
        if not targets:
            raise ScheduleError(
                (f"--set {key}",), f"none of {', '.join(names)} takes it; lrtune schedule lists parameters"
            )
        for form in targets:
            form[parameter] = _value(value)
    if warmup_steps is not None:
        for form in forms:
            form["steps" if form.get("name") == "warmup" else "warmup_steps"] = warmup_steps
    return {_label(form, names, index): read_schedule(form) for index, form in enumerate(forms)}


def _form(text: str) -> dict[str, Any]:
    from lrtune.service.rates.schedules import ScheduleError

    if not text.lstrip().startswith("{"):
        return {"name": text}
    try:
        form = json.loads(text)
    except json.JSONDecodeError as error:
        raise ScheduleError(("schedule",), f"{text!r} is not JSON: {error}") from None
    return dict(form)


def _takes(kind: Any, parameter: str) -> bool:
    return kind is None or parameter in kind.model_fields or parameter in kind.known_aliases()


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _label(form: Mapping[str, Any], names: Sequence[str], index: int) -> str:
    own = str(form.get("name"))
    same = [place for place, name in enumerate(names) if _form(name).get("name") == own]
    return own if len(same) == 1 else f"{own} {same.index(index) + 1}"


def _previews(
    schedules: "Mapping[str, Schedule]", learning_rate: float, total_steps: int, points: int
) -> "dict[str, SchedulePreview]":
    from lrtune.service.rates.schedules import preview

    return {
        label: preview(schedule, base_learning_rate=learning_rate, total_steps=total_steps, points=points)
        for label, schedule in schedules.items()
    }


def _print_rates(schedules: "Mapping[str, Schedule]", learning_rate: float, total_steps: int) -> None:
    found = _previews(schedules, learning_rate, total_steps, MAX_STEPS_IN_JSON)
    items = [
        {
            "schedule": schedules[label].model_dump(mode="json", exclude_none=True),
            "steps": list(one.steps) if len(one.steps) < total_steps else None,
            "learning_rates": list(one.learning_rates),
        }
        for label, one in found.items()
    ]
    print_json({"base_learning_rate": learning_rate, "total_steps": total_steps, "schedules": items})


def _print_for_people(schedules: "Mapping[str, Schedule]", learning_rate: float, total_steps: int) -> None:
    wide = len(schedules) > MOST_COLUMNS
    found = _previews(schedules, learning_rate, total_steps, WIDE_TABLE_POINTS if wide else TABLE_POINTS)
    steps = next(iter(found.values())).steps
    columns = [[label, *(number(rate) for rate in one.learning_rates)] for label, one in found.items()]
    columns.insert(0, ["step", *(str(step) for step in steps)])
    header, *rows = columns if wide else zip(*columns, strict=True)
    print_table(header, rows)
    curves = _previews(schedules, learning_rate, total_steps, SPARK_POINTS)
    top = max(max(one.learning_rates) for one in curves.values())
    width = max(len(label) for label in curves)
    for label, one in curves.items():
        print(f"{label:<{width}}  {sparkline(one.learning_rates, top)}")
    print(f"{'':<{width}}  step 0 to {total_steps - 1}, rate 0 to {number(top, 4)}")


def sparkline(values: Sequence[float], top: float) -> str:
    """One bar for each value ≥ 0; `top` is a full one."""
    return "".join(_BARS[min(int(value / top * len(_BARS)), len(_BARS) - 1) if top else 0] for value in values)


def _draw(
    schedules: "Mapping[str, Schedule]", learning_rate: float, total_steps: int, path: Path, *, quiet: bool
) -> None:
    from lrtune.service.cli.pictures import save
    from lrtune.service.pictures.rate.schedules import schedules_picture

    curves = _previews(schedules, learning_rate, total_steps, DRAWN_POINTS)
    try:
        save(schedules_picture(curves), path)
    except OSError as error:
        fail(f"--plot {path} cannot be written: {error.strerror}")
    if not quiet:
        print(f"drawn into {path}")


def _list_all(as_json: bool) -> None:
    from lrtune.service.wire.schedules.catalogue import schedule_list

    listed = schedule_list()
    if as_json:
        print_json(listed)
        return
    shared = ("lr", "warmup_steps", "warmup_fraction", "warmup_kind")
    rows = [
        [one.name, one.formula, " ".join(item.name for item in one.parameters if item.name not in shared)]
        for one in listed.items
    ]
    print_table(["schedule", "rate at step t", "parameters"], rows)
    print(f"all but warmup and default also take {' '.join(shared)}; --json tells everything")
