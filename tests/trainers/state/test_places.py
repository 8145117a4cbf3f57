"""Places for checkpoints: what is read of an address, what escapes, and that a file is whole or absent."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO
from uuid import uuid4

import pytest

pytest.importorskip("torch")
pytest.importorskip("fsspec")

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.places.addresses import path_of, read_address, scheme_of, shown
from lrtune.trainers.state.places.opened import place_and_name, place_of
from lrtune.trainers.state.places.place import Place


@pytest.fixture(params=["path", "file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """One of each kind."""
    address = {
        "path": str(tmp_path / "a b"),
        "file": (tmp_path / "a b").as_uri(),
        "memory": f"memory://{uuid4().hex}/a",
    }
    return place_of(address[request.param])


def put(place: Place, name: str, content: bytes) -> None:
    place.write(name, lambda file: file.write(content))


def content_of(place: Place, name: str) -> bytes:
    with place.reading(name) as file:
        return file.read()


def names(place: Place, pattern: str = "*") -> list[str]:
    return sorted(entry.name for entry in place.entries(pattern))


def test_what_was_written_is_read_listed_and_removed(place: Place) -> None:
    assert names(place) == []
    put(place, "one.pt", b"1")
    put(place, "two.ckpt", b"2")
    put(place, "one.pt", b"again")
    assert (content_of(place, "one.pt"), names(place), names(place, "*.pt")) == (
        b"again",
        ["one.pt", "two.ckpt"],
        ["one.pt"],
    )
    assert all(entry.written > 1.7e9 for entry in place.entries())
    place.remove("one.pt")
    place.remove("one.pt")
    assert names(place) == ["two.ckpt"]


def test_a_uri_leads_back_to_its_name_and_opens_the_same_place_elsewhere(place: Place) -> None:
    put(place, "x-step-1.pt", b"1")
    uri = place.uri("x-step-1.pt")
    assert place.name_of(uri) == "x-step-1.pt"
    other, name = place_and_name(uri)
    assert content_of(other, name) == b"1"


def test_a_file_whose_writing_breaks_off_leaves_the_one_before_and_nothing_else(place: Place) -> None:
    put(place, "one.pt", b"before")

    def broken(file: IO[bytes]) -> None:
        file.write(b"half")
        raise RuntimeError("broken off")

    with pytest.raises(RuntimeError):
        place.write("one.pt", broken)
    assert (content_of(place, "one.pt"), names(place)) == (b"before", ["one.pt"])


def test_a_process_that_is_killed_while_it_writes_leaves_the_file_before(tmp_path: Path) -> None:
    put(place_of(tmp_path), "one.pt", b"before")
    script = (
        "import os, signal\n"
        "from lrtune.trainers.state.places.opened import place_of\n"
        "def fill(file):\n"
        "    file.write(b'half'); file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"place_of({str(tmp_path)!r}).write('one.pt', fill)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == -9
    assert content_of(place_of(tmp_path), "one.pt") == b"before"


def test_what_is_not_there_is_said_in_one_line(place: Place) -> None:
    with pytest.raises(TrainingError, match=r"there is no checkpoint .*gone.pt") as said:
        content_of(place, "gone.pt")
    assert "\n" not in str(said.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(TrainingError, match="cannot be written: Permission denied"):
        put(place_of(tmp_path), "one.pt", b"1")


def test_a_file_where_a_folder_should_be_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match=r"file/one.pt cannot be written: (File exists|Not a directory)"):
        put(place_of(tmp_path / "file"), "one.pt", b"1")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://host/a", "ftp://host/a has the scheme ftp, which is not known: use a path, file://, s3://"),
        ("ftp://host/a", r"s3:// \(with lrtune\[s3\] installed\), gs:// \(with lrtune\[gs\] installed\)"),
        ("https://host/a?token=SECRET", r"https://host/a\?\*\*\* has the scheme https"),
        ("s3:/bucket/a", "names no bucket: write s3://bucket/folder"),
        ("s3://", "names no bucket"),
        ("s3:///a", "names no bucket"),
        ("s3://KEY:SECRET@bucket/a", r"s3://\*\*\*bucket/a has a name or password in it, .*: take it out"),
        ("s3://KEY:SE/CRET@bucket/a", r"s3://\*\*\*bucket/a has a name or password in it"),
        ("s3://SECRET@bucket/a", r"s3://\*\*\*bucket/a has a name or password in it"),
        ("gs://KEY:SECRET", r"gs://\*\*\* has a name or password in it"),
        ("s3://bucket/a?token=SECRET", r"s3://bucket/a\?\*\*\* has a \? or # in it"),
        ("s3://bucket/../other", "leads elsewhere, '..'"),
        ("s3://bucket/a/%2e%2e/b", "leads elsewhere, '%2e%2e'"),
        ("s3://bucket/a/%2e%2E%2fb", "leads elsewhere"),
        ("s3://bucket/a//b", "leads elsewhere, ''"),
        ("s3://../a", "leads elsewhere, '..'"),
        ("s3://bucket/a%00b", "leads elsewhere"),
        ("file://elsewhere/a", "names the machine elsewhere: write file:///"),
        ("file:///a%00b", "has a NUL in it"),
        ("a\0b", "has a NUL in it"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused_in_one_line_without_its_secrets(address: str, words: str) -> None:
    with pytest.raises(TrainingError, match=words) as said:
        place_of(address)
    assert "SECRET" not in str(said.value)
    assert "CRET" not in str(said.value)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("path", ["a", "/a/b", "./a", "C:/a", "a:b", "~/x"])
def test_a_path_is_a_path(path: str) -> None:
    assert scheme_of(path) is None
    assert read_address(path) == Path(path)


def test_file_uris_are_read_as_paths_are_written() -> None:
    assert path_of(Path("/a b/ü").as_uri()) == Path("/a b/ü")
    assert path_of("file:/a") == path_of("file://localhost/a") == Path("/a")


@pytest.mark.parametrize("outside", ["../b.pt", "%2e%2e/b.pt", "inner/../../b.pt", "link/b.pt", "link.pt", "."])
def test_a_uri_that_leads_out_of_its_folder_is_refused(outside: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    (tmp_path / "b.pt").touch()
    (root / "link").symlink_to(tmp_path)
    (root / "link.pt").symlink_to(tmp_path / "b.pt")
    with pytest.raises(TrainingError, match=r"leads out of .*root: give the folder it lies in"):
        place_of(root).name_of(f"{root.as_uri()}/{outside}")


def test_a_circle_of_links_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(TrainingError, match=r"leads (nowhere|out of)"):
        place_of(tmp_path).name_of((tmp_path / "a" / "c.pt").as_uri())


def test_a_folder_that_is_itself_a_link_is_its_own_root(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    place = place_of(tmp_path / "link")
    put(place, "one.pt", b"1")
    assert place.name_of(place.uri("one.pt")) == place.name_of((tmp_path / "link" / "one.pt").as_uri()) == "one.pt"


@pytest.mark.parametrize(
    "outside",
    [
        "memory://other/a/b.pt",
        "memory://root/ab.pt",
        "memory://root/a",
        "memory://root/a/../b.pt",
        "file:///root/a/b.pt",
    ],
)
def test_a_uri_that_leads_out_of_its_prefix_is_refused(outside: str) -> None:
    with pytest.raises(TrainingError, match=r"leads (out of memory://root/a|elsewhere)"):
        place_of("memory://root/a").name_of(outside)


def test_an_object_store_without_its_client_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['{module}'] = None\n"
        "from lrtune.trainers.errors import TrainingError\n"
        "from lrtune.trainers.state.places.opened import place_of\n"
        "place_of('/tmp')\n"
        "try:\n    place_of('{address}')\nexcept TrainingError as error:\n    print(error)"
    )
    for module, address, extra in (
        ("s3fs", "s3://b/a", "lrtune[s3]"),
        ("gcsfs", "gs://b/a", "lrtune[gs]"),
        ("fsspec", "memory://b/a", "fsspec"),
        ("fsspec", "s3://b/a", "lrtune[s3]"),
    ):
        script = code.format(module=module, address=address)
        said = subprocess.check_output([sys.executable, "-c", script], text=True, timeout=60)
        assert said.endswith(f"pip install '{extra}', or give a folder\n"), said
        assert said.count("\n") == 1


def test_credentials_are_left_out_of_what_is_shown() -> None:
    assert shown("s3://key:secret@bucket/a") == "s3://***bucket/a"
    assert shown("https://host/a?sig=b") == "https://host/a?***"
    assert shown("/a?b") == "/a?b"
    assert shown("s3://bucket/a@b") == "s3://bucket/a@b"
