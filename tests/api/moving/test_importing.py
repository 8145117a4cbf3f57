"""`POST …/import`: all or nothing for who looks, once and in order, and a clear line for what makes no sense."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from lrtune.service.storage.memory.trial import WORK_COLUMNS
from lrtune.service.storage.schema import tables
from lrtune.service.tuning.moving.to_lines import NOT_MOVED
from lrtune.service.wire.study_lines import LINES_A_BATCH, MOST_WEIGHT, POINTS_A_LINE, StudyLine, WorkLine
from lrtune.trainers.client.moving.file import as_line
from tests.api.calls import Json, StudyCalls, assert_problem
from tests.api.conftest import create, serving
from tests.api.moving.every_kind import every_kind
from tests.api.moving.files import Line, body, parsed, sealed

_numbers = iter(range(1_000))


@pytest.fixture(scope="module")
def original(client: TestClient) -> list[Line]:
    """The lines of a study with trials of every kind."""
    study = every_kind(client, "original")
    return parsed(client.get(f"{study.path}/export").content.splitlines())


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Another service."""
    with serving(f"sqlite:///{tmp_path_factory.mktemp('other')}/lrtune.db") as client:
        yield client


@pytest.fixture
def copy(other: TestClient) -> StudyCalls:
    """A study that is not there yet."""
    return StudyCalls(other, f"copy-{next(_numbers)}")


def taken(copy: StudyCalls, sent: Json) -> tuple[int, bool]:
    response = copy.post("/import", sent)
    assert response.status_code == 200, response.text
    progress: Json = response.json()
    assert progress["study"] == copy.name
    return progress["lines"], progress["done"]


def refused(copy: StudyCalls, sent: Json, kind: str = "invalid-body") -> str:
    problem = assert_problem(copy.post("/import", sent), 422 if kind == "invalid-body" else 409, kind)
    assert "\n" not in problem["detail"]
    detail: str = problem["detail"]
    return detail


# All or nothing


def test_nobody_is_shown_a_study_before_its_last_line_is_in(copy: StudyCalls, original: list[Line]) -> None:
    for upto in (1, 4, len(original) - 1):
        assert taken(copy, body(original, 0, upto)) == (upto, False)
        for below in ("", "/status", "/trials", "/export", "/suggestion", "/curves"):
            assert_problem(copy.client.get(copy.path + below), 409, "study-half-imported")
        assert_problem(copy.ask(), 409, "study-half-imported")
        assert_problem(copy.post("/trials/enqueue", {"params": {"learning_rate": 0.1}}), 409, "study-half-imported")
        assert_problem(copy.client.patch(copy.path, json={"paused": False}), 409, "study-half-imported")
        assert copy.client.get(f"/studies/{copy.name}", headers={"accept": "text/html"}).status_code == 409
        created = copy.client.post("/v1/studies", json={"name": copy.name, "if_exists": "load"})
        assert_problem(created, 409, "study-half-imported")
        (listed,) = (one for one in copy.client.get("/v1/studies").json()["items"] if one["name"] == copy.name)
        assert listed["state"] == "paused"
    assert taken(copy, body(original, len(original) - 1)) == (len(original), True)
    assert copy.get()["paused"] is False
    assert len(copy.trials()) == original[-1]["trials"]


def test_an_import_that_broke_off_can_be_deleted(copy: StudyCalls, original: list[Line]) -> None:
    taken(copy, body(original, 0, 5))
    assert copy.client.delete(copy.path).status_code == 204
    assert_problem(copy.client.get(copy.path), 404, "study-not-found")
    assert taken(copy, body(original)) == (len(original), True)


def test_lines_that_come_again_change_nothing(copy: StudyCalls, original: list[Line]) -> None:
    assert taken(copy, body(original, 0, 6)) == (6, False)
    assert taken(copy, body(original, 0, 6)) == (6, False)
    assert taken(copy, body(original, 3, 9)) == (9, False)
    assert taken(copy, body(original, 0, 2)) == (9, False)
    assert taken(copy, body(original, 9)) == (len(original), True)
    version = copy.get("/status")["version"]
    assert taken(copy, body(original, 9)) == (len(original), True), "the answer was lost, perhaps"
    assert copy.get("/status")["version"] == version
    assert copy.client.get(f"{copy.path}/export").content.splitlines()[1:] == _lines(original)[1:]


def _lines(lines: list[Line]) -> list[bytes]:
    return [as_line(line).rstrip(b"\n") for line in lines]


def test_an_import_goes_on_after_the_study_was_read_anew(copy: StudyCalls, original: list[Line]) -> None:
    """In the midst of a long curve, too."""
    at = next(number for number, line in enumerate(original) if line["kind"] == "curve")
    for upto in (at, at + 1, at + 2):
        taken(copy, body(original, 0, upto))
        engine = copy.client.app.state.container.engine  # type: ignore[attr-defined]
        with engine.lock:
            engine.mirrors.drop_all()
    assert taken(copy, body(original, at + 2)) == (len(original), True)
    assert copy.client.get(f"{copy.path}/export").content.splitlines()[1:] == _lines(original)[1:]


def test_a_study_that_exists_is_left_alone(other: TestClient, original: list[Line]) -> None:
    there = create(other)
    said = refused(there, body(original), "study-exists")
    assert said == f"study '{there.name}' exists; take another name: `lrtune study import FILE --name NAME`"
    assert there.trials() == []


def test_another_file_is_not_mixed_with_the_one_that_is_half_in(copy: StudyCalls, original: list[Line]) -> None:
    taken(copy, body(original, 0, 3))
    changed = sealed([original[0] | {"description": "another"}, *original[1:]])
    said = refused(copy, body(changed, 3), "study-exists")
    assert f"`lrtune study delete {copy.name}` first, or take another name" in said


def test_an_import_begins_with_its_first_line_and_leaves_none_out(copy: StudyCalls, original: list[Line]) -> None:
    assert "send its file from the first line on" in refused(copy, body(original, 1, 3))
    taken(copy, body(original, 0, 3))
    assert refused(copy, body(original, 4, 6)) == "first: must be 3 at most: the lines before are not in yet"


def test_a_batch_that_makes_no_sense_leaves_nothing_behind(copy: StudyCalls, original: list[Line]) -> None:
    lines = [*original[:3], {**original[3], "number": 99}, *original[4:]]
    assert "lines.3.number: is 99, and the next is 2" in refused(copy, body(sealed(lines)))
    taken(copy, body(sealed(lines), 0, 3))
    engine = copy.client.app.state.container.engine  # type: ignore[attr-defined]
    assert len(engine.load_name(copy.name).trials) == 2


# What a line may hold


def _changed(lines: list[Line], index: int, **changes: Any) -> list[Line]:
    return sealed([*lines[:index], lines[index] | changes, *lines[index + 1 :]])


@pytest.mark.parametrize(
    ("index", "changes", "said"),
    [
        (0, {"format": "2.0"}, "format: is 2.0, written by lrtune 0.1.0, and this service reads 1.x: import it into a"),
        (0, {"newer": 1}, "newer: there is no such field"),
        (0, {"spec": {"newer": 1}}, "spec.newer: there is no such field; the file is newer than this service"),
        (0, {"spec": {"max_trials": 0}}, "spec.max_trials: "),
        (0, {"spec": {"name": "x"}}, "spec.name: stands beside the spec"),
        (0, {"system_attrs": [["cma:optimizer:0", '"gASV"']]}, "'cma:optimizer:0' is never taken in: leave it out"),
        (0, {"system_attrs": [["lrtune:deleted", "true"]]}, "'lrtune:deleted' is never taken in"),
        (0, {"system_attrs": [["lrtune:import", "{}"]]}, "'lrtune:import' is never taken in"),
        (0, {"user_attrs": [["note", "{"]]}, "the value of 'note' is not JSON"),
        (0, {"created_at": "2026-01-01T00:00:00"}, "created_at: "),
        (1, {"kind": "study"}, "lines.1.study."),
        (1, {"kind": "odd"}, "there is no kind 'odd'; use one of study, trial"),
        (1, {"metrics": {}}, "metrics: there is no such field"),
        (1, {"state": "pruned"}, "state: is 'pruned', and by optuna_state and attributes it is 'complete'"),
        (1, {"values": None}, "values: is missing; a complete trial has one"),
        (1, {"values": ["nan"]}, "values: must be 1 numbers, none of which is nan"),
        (1, {"params": {"other": 1}}, "params.other: is no parameter of the study, and has no distribution"),
        (1, {"params": {"optimizer": "lion"}}, "params.optimizer: 'lion' is no value of"),
        (1, {"params": {"learning_rate": "high"}}, "params.learning_rate: 'high' is no value of"),
        (1, {"distributions": {"learning_rate": "{}"}}, "distributions.learning_rate: is no distribution of Optuna's"),
        (1, {"distributions": {"extra": "{}"}}, "distributions.extra: is of no parameter that the trial has"),
        (1, {"curve": {"steps": [1, 1], "values": [1, 2]}}, "steps must rise"),
        (1, {"curve": {"steps": [1], "values": []}}, "has 1 steps and 0 values"),
        (-1, {"trials": 3}, "trials: says 3, and 8 came: the file was changed; export it anew"),
        (-1, {"reports": 1}, "reports: says 1, and "),
        (-1, {"superseded": 9}, "superseded: says 9, and "),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_place(
    copy: StudyCalls, original: list[Line], index: int, changes: Line, said: str
) -> None:
    index %= len(original)
    if set(changes) == {"spec"}:
        changes = {"spec": original[0]["spec"] | changes["spec"]}
    lines = _changed(original, index, **changes)
    assert said in refused(copy, body(lines))
    assert_problem(copy.client.get(copy.path), 404, "study-not-found")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"findings": {"newer": 1}}, "findings.newer: there is no such field"),
        ({"findings": {"suggestions": {"newer": 1}}}, "findings.suggestions."),
        ({"findings": {"number": 1}}, "findings.number: must be 0, as the line says"),
        ({"curve": {"newer": 1}}, "curve.newer: there is no such field"),
        ({"number": 1}, "number: is 1, and the next is 0"),
    ],
)
def test_a_range_test_that_makes_no_sense_is_refused(
    copy: StudyCalls, original: list[Line], changes: Line, said: str
) -> None:
    index = next(number for number, line in enumerate(original) if line["kind"] == "range_test")
    line = original[index]
    changed = {name: line[name] | new if isinstance(new, dict) else new for name, new in changes.items()}
    assert said in refused(copy, body(_changed(original, index, **changed)))


def test_a_line_after_the_last_is_refused(copy: StudyCalls, original: list[Line]) -> None:
    sent = body(original)
    sent["lines"] = [*sent["lines"], original[1]]
    assert "a line of kind 'trial' cannot stand here" in refused(copy, sent)


def test_the_digest_must_be_that_of_the_file(copy: StudyCalls, original: list[Line]) -> None:
    assert "is not the file's digest" in refused(copy, body(original) | {"file": "0" * 64})


def test_a_curve_of_no_trial_and_one_that_goes_back_are_refused(copy: StudyCalls, original: list[Line]) -> None:
    curve = {"kind": "curve", "trial": 0, "steps": [1], "values": [1.0]}
    assert "there is no trial 0 before this line" in refused(copy, body(sealed([original[0], curve, original[-1]])))
    lines = sealed([*original[:2], curve, *original[2:]])
    assert "the curve of trial 0 goes back from 3" in refused(copy, body(lines, 0, 3))


def test_a_batch_is_bounded(copy: StudyCalls, original: list[Line]) -> None:
    many = [original[0], *[original[1]] * LINES_A_BATCH]
    sent = {"file": "0" * 64, "first": 0, "lines": many}
    assert f"may have {LINES_A_BATCH} items at most" in refused(copy, sent)
    steps = list(range(POINTS_A_LINE))
    heavy = [{"kind": "curve", "trial": 0, "steps": steps, "values": [0.0] * POINTS_A_LINE}] * 6
    assert f"may weigh {MOST_WEIGHT:,} at once: send fewer" in refused(copy, sent | {"lines": [original[0], *heavy]})


def test_a_reserved_name_is_refused(other: TestClient, original: list[Line]) -> None:
    assert "take another name" in refused(StudyCalls(other, "lrtune:x"), body(original))


# Nothing is forgotten


def test_every_column_of_a_trial_is_moved_or_left_out_on_purpose() -> None:
    assert set(WorkLine.model_fields) | set(NOT_MOVED) == set(WORK_COLUMNS)
    known = {*WORK_COLUMNS, "trial_id", "study_id"}
    assert {column.name for column in tables.trials.columns} == known, "move the new column, or say why not"


def test_every_column_of_a_study_is_moved_or_left_out_on_purpose() -> None:
    of_the_service = {"study_id", "version", "updated_at", "created_by"}
    moved = set(StudyLine.model_fields)
    assert {column.name for column in tables.studies.columns} - moved == of_the_service


# Who did it, and what it costs


def test_the_audit_says_who_imported_what(copy: StudyCalls, original: list[Line]) -> None:
    taken(copy, body(original))
    entries = copy.client.get("/v1/audit", params={"study": copy.name}).json()["items"]
    assert [entry["action"] for entry in entries] == ["study.import", "study.create"]
    assert entries[0]["after"] == {name: original[-1][name] for name in ("trials", "reports", "range_tests")}
