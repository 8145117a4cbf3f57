"""TensorBoard: a folder a trial, with its curve and its parameters."""

import json
import os
import re
import socket
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from lrtune.service.wire.studies import Suggestion
from lrtune.trainers.integrations.extras import absent
from lrtune.trainers.integrations.trackers.texts import fitted_name, seconds, tags_of
from lrtune.trainers.tracking.tracker import Ending, Point, TrackedStudy, TrackedTrial

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2
    from tensorboard.plugins.text.metadata import create_summary_metadata
    from tensorboard.summary.writer.record_writer import RecordWriter
except ImportError as error:
    raise absent("tensorboard", error) from error

DEFAULT_FOLDER = "runs"
"""As of torch's SummaryWriter."""
_REFUSED = re.compile(r"[^\w\-. ]")
_MARKER = "lrtune.json"
_ENDED_WELL = ("complete", "pruned")
_files = count()


class Tracker:
    """Trials as runs of TensorBoard, `STUDY/trial-0007` in `folder`, where `tensorboard --logdir` looks.

    A run has the trial's reports under the name of the study's metric, its parameters for the HParams tab, its final
    value as `final_…`, and how it ended as text. A trial that goes on from a checkpoint goes on in its folder, and what
    it had reported later is no longer shown. The suggestion is a text of the study's own run.
    """

    name = "tensorboard"

    def __init__(self, folder: str | os.PathLike[str] = DEFAULT_FOLDER) -> None:
        self._folder = Path(folder).expanduser().absolute()
        self.place = str(self._folder)
        self.spec = f"tensorboard:{self.place}"

    def __repr__(self) -> str:
        return f"lrtune.tensorboard.Tracker({self.place!r})"

    def open(self, trial: TrackedTrial) -> "_Run":
        """The trial's folder, with what its event files hold."""
        folder = self._study_folder(trial.study) / f"trial-{trial.number:04}"
        folder.mkdir(parents=True, exist_ok=True)
        return _Run(folder, trial)

    def suggested(self, study: TrackedStudy, suggestion: Suggestion) -> None:
        """A text in the study's folder, once for each suggestion."""
        folder = self._study_folder(study)
        marked = _read(folder)
        if marked.get("suggestion") != suggestion.explanation:
            with _EventFile(folder) as events:
                events.text("suggestion", suggestion.explanation, step=suggestion.trials)
            _write(folder, {**marked, "suggestion": suggestion.explanation})

    def _study_folder(self, study: TrackedStudy) -> Path:
        """Named after the study; where one of that name was there before and deleted, with its time."""
        name = fitted_name(study.name, _REFUSED, 200).lstrip(".") or "study"
        created = study.created_at.isoformat()
        for folder in (self._folder / name, self._folder / f"{name} {study.created_at:%Y-%m-%dT%H.%M.%S.%f}"):
            folder.mkdir(parents=True, exist_ok=True)
            marked = _read(folder)
            if not marked:
                _write(folder, {"study": study.name, "created_at": created})
            if marked.get("created_at", created) == created:
                break
        return folder


class _Run:
    def __init__(self, folder: Path, trial: TrackedTrial) -> None:
        self._folder = folder
        self._metric = trial.study.metric
        held = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        held.Reload()
        scalars = held.Scalars(self._metric) if self._metric in held.Tags()["scalars"] else []
        self.known: dict[int, float] = {one.step: one.value for one in scalars}
        self.state: str | None = _read(folder).get("state")
        self._events = _EventFile(folder)
        if metadata.SESSION_START_INFO_TAG not in held.summary_metadata:
            self._begin(trial)

    def _begin(self, trial: TrackedTrial) -> None:
        params = {
            name: value if isinstance(value, bool | int | float) else str(value) for name, value in trial.params.items()
        }
        began = seconds(trial.started_at) or time.time()
        self._events.summary(summary_v2.hparams_pb(params, trial_id=trial.key, start_time_secs=began))
        tags = {**trial.study.tags, **tags_of(trial)}
        self._events.text("trial", "\n".join(f"- {name}: {value}" for name, value in tags.items()), step=0)
        self._events.flush()

    def rewind(self, step: int) -> None:
        self._events.restart(step + 1)
        self._events.flush()
        self.known = {at: value for at, value in self.known.items() if at <= step}

    def report(self, points: Sequence[Point]) -> None:
        if self.state is not None:
            _write(self._folder, {})
            self.state = None
        for point in points:
            self._events.scalar(self._metric, point.value, point.step, point.at)
        self._events.flush()

    def end(self, ending: Ending | None) -> None:
        if ending is None:
            return
        last = max(self.known, default=0)
        if ending.value is not None:
            self._events.scalar(f"final_{self._metric}", ending.value, last, ending.finished_at)
        told = "\n\n".join(text for text in (ending.state, ending.why, ending.error) if text)
        self._events.text("outcome", told, step=last)
        ended = plugin_data_pb2.SessionEndInfo(
            status=api_pb2.STATUS_SUCCESS if ending.state in _ENDED_WELL else api_pb2.STATUS_FAILURE,
            end_time_secs=ending.finished_at or time.time(),
        )
        data = plugin_data_pb2.HParamsPluginData(session_end_info=ended)
        about = metadata.create_summary_metadata(data)
        end = Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=about, tensor=metadata.NULL_TENSOR)
        self._events.summary(Summary(value=[end]))
        self._events.flush()
        _write(self._folder, {"state": ending.state})
        self.state = ending.state

    def close(self) -> None:
        self._events.close()


class _EventFile:
    """An event file of its own, written when it is told to, so that a full disk is an error where it happens."""

    def __init__(self, folder: Path) -> None:
        own = f"{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}.{next(_files)}"
        self._path = folder / f"events.out.tfevents.{own}"
        self._file: Any = None
        self._records: Any = None

    def __enter__(self) -> "_EventFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scalar(self, tag: str, value: float, step: int, at: float | None) -> None:
        self._write(Event(summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]), step=step), at)

    def text(self, tag: str, text: str, step: int) -> None:
        tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode(errors="replace")])
        tensor.tensor_shape.dim.add(size=1)
        value = Summary.Value(tag=tag, metadata=create_summary_metadata(tag, ""), tensor=tensor)
        self._write(Event(summary=Summary(value=[value]), step=step))

    def summary(self, summary: Any) -> None:
        self._write(Event(summary=summary, step=0))

    def restart(self, step: int) -> None:
        """What is there of this step and later ones holds no longer, for TensorBoard."""
        self._write(Event(session_log=SessionLog(status=SessionLog.START), step=step))

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, event: Any, at: float | None = None) -> None:
        if self._file is None:
            self._file = self._path.open("ab")
            self._records = RecordWriter(self._file)
            self._records.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        event.wall_time = time.time() if at is None else at
        self._records.write(event.SerializeToString())


def _read(folder: Path) -> dict[str, Any]:
    """What is noted of a folder; nothing where that cannot be read."""
    try:
        noted = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _write(folder: Path, noted: dict[str, Any]) -> None:
    beside = folder / f".{_MARKER}.{os.getpid()}"
    beside.write_text(json.dumps(noted), encoding="utf-8")
    os.replace(beside, folder / _MARKER)
