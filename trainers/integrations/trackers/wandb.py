"""W&B: a run a trial, offline unless the user says otherwise."""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lrtune.service.wire.studies import Suggestion
from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.integrations.extras import absent
from lrtune.trainers.integrations.trackers.texts import fitted, fitted_name, run_name, tags_of
from lrtune.trainers.tracking.tracker import Ending, Point, TrackedStudy, TrackedTrial

if "wandb" not in sys.modules:
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # What it tells its makers; read when it is imported.
try:
    import wandb
except ImportError as error:
    raise absent("wandb", error) from error

Mode = Literal["online", "offline"]

_REFUSED_IN_PROJECTS = re.compile(r"[/\\#?%:]")
_REFUSED_IN_PARAMS = re.compile(r"[^\w\-. ]")
_LONGEST = 120
_STEP, _OTHER_STEP = "step", "trial_step"
"""What curves are drawn over; W&B's own steps count calls."""


class Tracker:
    """Trials as runs of W&B, in a group by the name of their study.

    `project` is one of yours, `ENTITY/PROJECT` too, else what WANDB_PROJECT says, else the name of the study. `mode` is
    `online` or `offline`; else what WANDB_MODE says, else offline: nothing is sent, and `wandb sync` sends it later.
    `folder`: where W&B keeps its folder `wandb`; else what WANDB_DIR says, else here.

    A run has the trial's parameters as its config, its reports under the name of the study's metric over `step`, and in
    its summary the final value, `final_…`, the state and why. A trial that goes on is the same run to W&B; what was
    written of it is known on the machine that wrote it only. There is no place in W&B for a study's suggestion.

    Raises LrtuneError for another mode, and where online runs would ask who you are.
    """

    name = "wandb"

    def __init__(
        self, project: str | None = None, *, mode: Mode | None = None, folder: str | os.PathLike[str] | None = None
    ) -> None:
        self._project = project or os.environ.get("WANDB_PROJECT")
        self._mode = _mode(mode)
        self._folder = Path(folder or os.environ.get("WANDB_DIR") or ".").expanduser().absolute()
        self.place = self._project or str(self._folder)
        self.spec = f"wandb:{self._project}" if self._project else "wandb"

    def __repr__(self) -> str:
        return f"lrtune.wandb.Tracker({self._project!r}, mode={self._mode!r})"

    def open(self, trial: TrackedTrial) -> "_Run":
        """The trial's run, which W&B begins with the first thing to write."""
        entity, _, project = (self._project or "").rpartition("/")
        project = project or trial.study.name
        return _Run(
            trial, entity or None, fitted_name(project, _REFUSED_IN_PROJECTS, _LONGEST), self._mode, self._folder
        )

    def suggested(self, study: TrackedStudy, suggestion: Suggestion) -> None:
        """W&B has no place for it."""


class _Run:
    def __init__(self, trial: TrackedTrial, entity: str | None, project: str, mode: Mode, folder: Path) -> None:
        self._trial = trial
        self._where: dict[str, Any] = {"entity": entity, "project": project}
        self._mode = mode
        self._folder = folder
        self._metric = trial.study.metric
        self._step = _STEP if self._metric != _STEP else _OTHER_STEP
        self._notes = folder / "wandb" / "lrtune" / f"{project}-{trial.key}.jsonl"
        self.known: dict[int, float] = {}
        self.state: str | None = None
        self._run: Any = None
        if not self._read_notes():
            self._begin()

    def _begin(self) -> Any:
        if self._run is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            trial = self._trial
            names = fitted(trial.params, lambda name: fitted_name(name, _REFUSED_IN_PARAMS, _LONGEST))
            self._run = wandb.init(
                **self._where,
                id=trial.key,
                name=run_name(trial),
                group=trial.study.name[:_LONGEST],
                job_type="trial",
                config={names[name]: value for name, value in trial.params.items()}
                | {"lrtune": {**trial.study.tags, **tags_of(trial)}},
                reinit="create_new",
                resume="allow" if self._mode == "online" else None,
                settings=_settings(self._mode, self._folder),
            )
            self._run.define_metric(self._step)
            self._run.define_metric(self._metric, step_metric=self._step)
            self._note({"begun": True})
        return self._run

    def rewind(self, step: int) -> None:
        """W&B forgets nothing: a step that is trained again is there twice."""

    def report(self, points: Sequence[Point]) -> None:
        run = self._begin()
        for point in points:
            run.log({self._step: point.step, self._metric: point.value})
        self._note({"points": [(point.step, point.value) for point in points]})
        self.state = None

    def end(self, ending: Ending | None) -> None:
        if ending is None:
            return
        told = {f"final_{self._metric}": ending.value, "state": ending.state, "why": ending.why, "error": ending.error}
        run = self._begin()
        run.summary.update({name: value for name, value in told.items() if value is not None})
        run.finish(exit_code=1 if ending.state == "failed" else 0)
        self._run = None
        self._note({"state": ending.state})
        self.state = ending.state

    def close(self) -> None:
        if self._run is not None:
            self._run.finish()
            self._run = None

    def _read_notes(self) -> bool:
        """What this machine has written of the trial; whether it has at all."""
        try:
            lines = self._notes.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        for line in lines:
            try:
                noted = json.loads(line)
            except ValueError:
                continue  # The last line of a process that was killed.
            self.known |= {step: float(value) for step, value in noted.get("points", ())}
            self.state = noted.get("state")
        return True

    def _note(self, noted: dict[str, Any]) -> None:
        self._notes.parent.mkdir(parents=True, exist_ok=True)
        with self._notes.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(noted)}\n")


def _mode(asked: str | None) -> Mode:
    mode = asked or os.environ.get("WANDB_MODE") or "offline"
    if mode not in ("online", "offline"):
        raise LrtuneError(f"mode must be 'online' or 'offline', not {mode!r}: give it, or set WANDB_MODE")
    if mode == "online" and not wandb.api.api_key:
        raise LrtuneError("W&B does not know who you are: run `wandb login` first, or leave mode='online' out")
    return "online" if mode == "online" else "offline"


def _settings(mode: Mode, folder: Path) -> Any:
    """A run that says nothing, watches nothing and keeps no code; what is on standard output is the training's."""
    return wandb.Settings(
        mode=mode,
        root_dir=str(folder),
        console="off",
        silent=True,
        disable_git=True,
        disable_code=True,
        save_code=False,
        x_disable_stats=True,
        x_disable_machine_info=True,
    )
