"""Checkpoints in S3, as a server on this machine speaks it."""

from collections.abc import Iterator

import pytest

pytest.importorskip("torch")
pytest.importorskip("s3fs", reason="needs lrtune[s3]")
pytest.importorskip("moto.server", reason="needs moto[server]")

import torch
from moto.server import ThreadedMotoServer

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.checkpoints import Writer, latest, load
from lrtune.trainers.state.places.opened import place_of
from lrtune.trainers.state.places.remote import RemoteFolder


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    running = ThreadedMotoServer(port=0)
    running.start()
    host, port = running.get_host_and_port()
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    place = place_of("s3://bucket/of/the/study")
    assert isinstance(place, RemoteFolder)
    place._files.mkdir("bucket")
    yield str(place)
    patch.undo()
    running.stop()


def test_checkpoints_are_written_kept_few_found_and_read(bucket: str) -> None:
    writer = Writer(bucket, "a")
    for step in range(1, 5):
        uri = writer.save(step, {"model": {"weight": torch.full((1000,), float(step))}})
    assert uri == f"{bucket}/a-step-4.pt" == latest(bucket, "a")
    assert load(uri)["model"]["weight"].tolist() == [4.0] * 1000
    assert sorted(one.name for one in place_of(bucket).entries()) == ["a-step-3.pt", "a-step-4.pt"]
    assert all(one.written > 1.7e9 for one in place_of(bucket).entries())


def test_what_another_process_wrote_or_removed_is_seen_at_once(bucket: str) -> None:
    ours, theirs = place_of(f"{bucket}/seen"), place_of(f"{bucket}/seen")
    assert ours.entries() == []
    theirs.write("b", lambda file: file.write(b"1"))
    assert [one.name for one in ours.entries()] == ["b"]
    theirs.remove("b")
    assert ours.entries() == []
    with pytest.raises(TrainingError, match="there is no checkpoint"), ours.reading("b"):
        pass


def test_a_large_file_comes_whole_or_not_at_all(bucket: str) -> None:
    place, piece = place_of(f"{bucket}/large"), bytes(range(256)) * 4096

    def broken(file: object) -> None:
        file.write(piece)  # type: ignore[attr-defined]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        place.write("c", broken)
    assert place.entries() == []
    place.write("c", lambda file: [file.write(piece) for _ in range(60)])
    with place.reading("c") as file:
        assert file.read() == piece * 60


def test_a_bucket_that_is_not_there_is_said_in_one_line(bucket: str) -> None:
    with pytest.raises(TrainingError, match="s3://nowhere/a/x cannot be written: ") as said:
        place_of("s3://nowhere/a").write("x", lambda file: file.write(b"1"))
    assert "\n" not in str(said.value)
    assert "SECRET" not in str(said.value)
