"""Names that no study can have, on the command line: one line says what a name is."""

from pathlib import Path

import pytest

from tests.api.moving.files import sealed, write
from tests.cli.conftest import Lrtune
from tests.fake_service import FakeService

RULE = "lrtune: name: must be 1 to 128 of the letters A-Z a-z, digits and"


@pytest.mark.parametrize(
    "command",
    [
        *(["study", "show", "ü/ß"], ["suggest", "x y/../z"], ["study", "export", ".."], ["study", "show", ""]),
        *(["study", "create", "a/b"], ["study", "delete", "/", "--yes"]),
    ],
)
def test_a_name_that_no_path_holds_is_one_line(
    lrtune: Lrtune, address: str, service: FakeService, command: list[str]
) -> None:
    ran = lrtune(*command)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith(RULE)
    assert service.calls == []


def test_a_file_is_not_imported_under_such_a_name(
    lrtune: Lrtune, address: str, service: FakeService, tmp_path: Path
) -> None:
    file = write(sealed([{"kind": "study", "name": "s"}, {"kind": "end"}]), tmp_path / "s.jsonl")
    ran = lrtune("study", "import", str(file), "--name", "ü/x")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith(RULE)
    assert service.calls == []
