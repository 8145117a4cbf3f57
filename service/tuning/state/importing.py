"""How far the import of a study is: kept in an attribute of the study, written with the lines that it counts."""

from dataclasses import asdict, dataclass

from pydantic import TypeAdapter, ValidationError

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.schema.attributes import IMPORT_ATTR


@dataclass(frozen=True)
class ImportState:
    """What is in of a file."""

    file: str
    """The digest by which the file is known again."""
    lines: int
    reports: int
    superseded: int
    paused: bool
    """What the study is to be once it is done, and whether it is to be stopped."""
    stopped: bool
    done: bool


_STATE = TypeAdapter(ImportState)


def import_of(study: StudyMirror) -> ImportState | None:
    """Of a study that is or was imported; None of any other, and where another process left something else there."""
    told = study.system_attrs.get(IMPORT_ATTR)
    if told is None:
        return None
    try:
        return _STATE.validate_python(told)
    except ValidationError:
        return None


def is_half_imported(study: StudyMirror) -> bool:
    """Whether lines are still missing. Asked with every call about a study: so it is read without much care."""
    told = study.system_attrs.get(IMPORT_ATTR)
    return isinstance(told, dict) and told.get("done") is False


def note_import(change: Change, state: ImportState) -> None:
    """Keep how far it is."""
    change.set_study_attr(IMPORT_ATTR, asdict(state), system=True)
