"""`lrtune study export` and `import` of whole studies; each thing that may be wrong is one line."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.api.calls import StudyCalls
from tests.api.conftest import create, serving
from tests.api.moving.files import parsed, sealed, write
from tests.api.secured import Secured
from tests.api.secured import served as served_by
from tests.cli.conftest import Lrtune
from tests.fake_service import listening
from tests.support.at_port import at_port


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StudyCalls, str]]:
    with serving(f"sqlite:///{tmp_path_factory.mktemp('files')}/lrtune.db") as client, at_port(client) as address:
        study = create(client, name="moved", max_steps=9, sampler={"name": "random"}, pruner={"name": "none"})
        for state in ("complete", "diverged"):
            trial = study.lease()
            study.verdict(trial, (1, 2.0), (2, "nan" if state == "diverged" else 0.5))
            study.finish(trial, state)
        engine = client.app.state.container.engine  # type: ignore[attr-defined]
        with engine.lock:
            engine.mirrors.drop_all()  # Times are as the database has them then, in microseconds.
        yield study, address


@pytest.fixture
def study(served: tuple[StudyCalls, str], monkeypatch: pytest.MonkeyPatch) -> StudyCalls:
    monkeypatch.setenv("LRTUNE_SERVER", served[1])
    return served[0]


@pytest.fixture
def file(study: StudyCalls, lrtune: Lrtune, tmp_path: Path) -> Path:
    """An export."""
    path = tmp_path / "moved.jsonl"
    ran = lrtune("study", "export", study.name, "-o", str(path))
    assert (ran.code, ran.out, ran.err) == (0, "", f"wrote study moved to {path}\n")
    return path


def test_json_lines_are_what_is_exported_unless_something_else_is_asked_for(
    study: StudyCalls, lrtune: Lrtune, file: Path
) -> None:
    ran = lrtune("study", "export", study.name)
    assert ran.code == 0
    assert ran.out == file.read_text()
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["kind"] for line in lines] == ["study", "trial", "trial", "end"]
    assert lines[0]["spec"]["max_steps"] == 9
    assert lines[2]["curve"] == {"steps": [1, 2], "values": [2.0, "nan"]}


def test_a_file_is_imported_under_another_name(study: StudyCalls, lrtune: Lrtune, file: Path) -> None:
    ran = lrtune("study", "import", str(file), "--name", "moved-2")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "imported study moved-2: `lrtune study show moved-2`\n"
    assert StudyCalls(study.client, "moved-2").trials() == study.trials()
    again = lrtune("study", "import", str(file), "--name", "moved-2", "--json")
    assert json.loads(again.out) == {"study": "moved-2", "lines": 4, "done": True}


def test_an_import_that_broke_off_goes_on_with_the_same_command(study: StudyCalls, lrtune: Lrtune, file: Path) -> None:
    lines = parsed(file.read_bytes().splitlines())
    copy = StudyCalls(study.client, "broke-off")
    sent = {"file": lines[-1]["sha256"], "first": 0, "lines": lines[:2]}
    assert copy.post("/import", sent).json() == {"study": "broke-off", "lines": 2, "done": False}
    shown = lrtune("study", "show", "broke-off")
    assert shown.code == 1
    assert "run `lrtune study import` with the same file again to go on where that broke off" in shown.err
    assert lrtune("study", "import", str(file), "--name", "broke-off").code == 0
    assert copy.trials() == study.trials()


def test_a_study_that_exists_is_one_line(study: StudyCalls, lrtune: Lrtune, file: Path) -> None:
    ran = lrtune("study", "import", str(file))
    assert ran.code == 1
    assert ran.err == (
        "lrtune: study 'moved' exists; take another name: `lrtune study import FILE --name NAME` (409)\n"
    )


@pytest.mark.parametrize("end", [b"", b'{"kind": "end"', b"\n"])
def test_a_file_that_was_cut_off_is_noticed_before_anything_is_made(
    study: StudyCalls, lrtune: Lrtune, file: Path, end: bytes
) -> None:
    cut = b"".join(file.read_bytes().splitlines(keepends=True)[:-1])
    file.write_bytes(cut + end)
    ran = lrtune("study", "import", str(file), "--name", "cut")
    assert ran.code == 1
    said = {
        b"": "moved.jsonl has 3 lines and no last one: it was cut off; export the study anew",
        b"\n": "moved.jsonl, line 4: is not a JSON object; export the study anew",
    }
    other = "moved.jsonl, line 4: is not a JSON object, and the file ends in the midst of it; export the study anew"
    assert ran.err == f"lrtune: {said.get(end, other)}\n"
    assert study.client.get("/v1/studies/cut").status_code == 404


_STILL = "in a line that reads as one still: in the first, only the name may be"


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        (b"0.5", b"0.4", _STILL),
        (b'"max_attempts":3', b'"max_attempts": 4', "line 1: is written in another way than it was"),
        (b'"max_attempts":3', b'"max_attempts":0', "line 1: spec.max_attempts: must be at least 1"),
        (b'"paused":false', b'"paused":"no"', "line 1: paused: must be true or false"),
        (b'"number":0', b'"number":0,"odd":1', "line 2: odd: there is no such field"),
    ],
)
def test_a_file_that_was_changed_is_noticed_with_the_line_where_that_shows(
    study: StudyCalls, lrtune: Lrtune, file: Path, before: bytes, after: bytes, where: str
) -> None:
    assert before in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(before, after, 1))
    ran = lrtune("study", "import", str(file), "--name", "changed")
    said = f"lrtune: moved.jsonl was changed since it was exported, {where}; export the study anew\n"
    assert (ran.code, ran.err) == (1, said)


def test_the_name_in_a_file_may_be_changed(study: StudyCalls, lrtune: Lrtune, file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"name":"moved"', b'"name":"renamed"'))
    assert lrtune("study", "import", str(file)).code == 0
    assert StudyCalls(study.client, "renamed").trials() == study.trials()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "odd.jsonl is empty: it was cut off; export the study anew"),
        ("[]\n", "odd.jsonl, line 1: is not a JSON object; export the study anew"),
        ('{"number": 0}\n', "odd.jsonl is no export of a study: its first line is of kind None, not 'study'; make one"),
    ],
)
def test_another_file_is_no_export(study: StudyCalls, lrtune: Lrtune, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "odd.jsonl").write_text(text)
    ran = lrtune("study", "import", str(tmp_path / "odd.jsonl"))
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert said in ran.err


def test_a_file_that_is_not_there_is_one_line(study: StudyCalls, lrtune: Lrtune, tmp_path: Path) -> None:
    ran = lrtune("study", "import", str(tmp_path / "absent"))
    assert ran.code == 2
    assert ran.err.startswith(f"lrtune: {tmp_path / 'absent'} cannot be read (No such file or directory): name a file")


def test_a_file_of_a_newer_format_is_refused_by_line(study: StudyCalls, lrtune: Lrtune, file: Path) -> None:
    lines = parsed(file.read_bytes().splitlines())
    newer = [lines[0] | {"format": "1.7", "lrtune": "9.0"}, lines[1], lines[2] | {"newer": 1}, lines[3]]
    write(sealed(newer), file)
    ran = lrtune("study", "import", str(file), "--name", "newer")
    assert ran.code == 1
    assert ran.err == (
        "lrtune: moved.jsonl, line 3: trial.newer: there is no such field; check its spelling "
        "(the file is of format 1.7, written by lrtune 9.0)\n"
    )
    write(sealed([lines[0] | {"format": "2.0", "lrtune": "9.0"}, *lines[1:]]), file)
    ran = lrtune("study", "import", str(file), "--name", "newer")
    assert "line 1: format: is 2.0, written by lrtune 9.0, and this service reads 1.x: import it into a" in ran.err


@pytest.mark.parametrize("kept", [0, 1, -1, 2.5])
def test_an_export_that_breaks_off_leaves_no_file(
    study: StudyCalls, lrtune: Lrtune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: float
) -> None:
    whole = study.client.get(f"{study.path}/export")
    lines = whole.content.splitlines(keepends=True)
    cut = b"".join(lines[: int(kept)]) + (lines[2][:20] if kept == 2.5 else b"")

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=cut, headers={"content-type": whole.headers["content-type"]})

    with listening(answer) as address:
        monkeypatch.setenv("LRTUNE_SERVER", address)
        ran = lrtune("study", "export", study.name, "-o", str(tmp_path / "cut.jsonl"))
    assert ran.code == 1
    assert ran.err.startswith("lrtune: the export of study moved")
    assert "cut off" in ran.err or "ends in the midst of it" in ran.err
    assert ran.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_export_of_a_service_is_told_apart(
    study: StudyCalls, lrtune: Lrtune, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(lambda _: httpx2.Response(200, content=b"<html>", headers={"content-type": "text/html"})) as address:
        monkeypatch.setenv("LRTUNE_SERVER", address)
        ran = lrtune("study", "export", study.name)
    assert ran.code == 1
    assert "does not answer like an lrtune service" in ran.err


def test_curves_are_of_tables(study: StudyCalls, lrtune: Lrtune) -> None:
    ran = lrtune("study", "export", study.name, "--curves", "--format", "jsonl")
    assert ran.code == 2
    assert "jsonl has the curves anyway" in " ".join(ran.err.replace("│", " ").split())


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[Secured, str]]:
    """A service that wants tokens, and its address."""
    with served_by(f"sqlite:///{tmp_path}/secured.db") as secured, at_port(secured.client) as address:
        yield secured, address


def test_a_viewer_may_export_and_only_an_admin_import(
    secured: tuple[Secured, str], file: Path, lrtune: Lrtune, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls, address = secured
    monkeypatch.setenv("LRTUNE_SERVER", address)
    for role, code in (("viewer", 1), ("worker", 1)):
        monkeypatch.setenv("LRTUNE_TOKEN", calls.token(role)["secret"])
        ran = lrtune("study", "import", str(file))
        assert ran.code == code
        assert ran.err.count("\n") == 1
        assert "admin" in ran.err
    monkeypatch.setenv("LRTUNE_TOKEN", calls.admin["secret"])
    assert lrtune("study", "import", str(file)).code == 0
    monkeypatch.setenv("LRTUNE_TOKEN", calls.token("viewer")["secret"])
    assert lrtune("study", "export", "moved", "-o", str(tmp_path / "again.jsonl")).code == 0
    elsewhere = calls("POST", "/v1/tokens", {"role": "viewer", "scopes": ["other-*"]}, by=calls.admin)
    monkeypatch.setenv("LRTUNE_TOKEN", elsewhere["secret"])
    ran = lrtune("study", "export", "moved")
    assert ran.code == 1
    assert "other-*" in ran.err
    assert ran.out == ""
