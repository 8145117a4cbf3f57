"""Checkpoints are gone on from where they are whole, wherever they lie; else the one before is."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lrtune import Client, LeasedTrial
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.checkpoints import KEEP, Writer, is_whole, latest, load, save
from lrtune.trainers.state.places.opened import place_of
from lrtune.trainers.state.places.place import Place
from lrtune.trainers.training.fit import fit
from lrtune.trainers.training.result import FitResult

STATE = {"model": {"weight": torch.arange(20.0)}, "step": 3}
ROWS = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=["folder", "memory"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "checkpoints") if request.param == "folder" else f"memory://{uuid4().hex}/checkpoints"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(f"local:{tmp_path}/lrtune.db", retry_seconds=5) as opened:
        yield opened


def names(place: Place) -> list[str]:
    return sorted(entry.name for entry in place.entries())


def alter(place: Place, name: str, at: int | None = None) -> None:
    """One bit of the file; without a place in it, the second half is cut off."""
    with place.reading(name) as file:
        content = bytearray(file.read())
    if at is None:
        del content[len(content) // 2 :]
    else:
        content[at % len(content)] ^= 1
    place.write(name, lambda file: file.write(content))


def test_a_state_is_read_back_from_its_uri(where: str) -> None:
    uri = save(where, "a", 3, STATE)
    assert torch.equal(load(uri)["model"]["weight"], STATE["model"]["weight"])
    assert str(latest(where, "a")) in uri


def test_the_newest_few_are_kept_also_by_a_training_that_comes_later(where: str) -> None:
    for begin in (1, 5):
        writer = Writer(where, "a")
        for step in range(begin, begin + 4):
            writer.save(step, STATE)
            writer.save(step, STATE)
    assert names(place_of(where)) == [f"a-step-{step}.pt" for step in (7, 8)][-KEEP:]


@given(at=st.integers(min_value=0))
def test_an_altered_checkpoint_is_refused_or_reads_as_it_was(at: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = place_of(tmp_path_factory.mktemp("altered"))
    uri = save(place, "a", 3, STATE)
    alter(place, "a-step-3.pt", at)
    found = latest(str(place), "a")
    if found is None:
        with pytest.raises(TrainingError, match="is no checkpoint of a training"):
            load(uri)
    else:
        state = load(uri)
        assert torch.equal(state["model"]["weight"], STATE["model"]["weight"])
        assert state["step"] == 3


def test_an_altered_weight_is_always_found(where: str) -> None:
    place = place_of(where)
    save(place, "a", 1, STATE)
    with place.reading("a-step-1.pt") as file:
        at = file.read().index(STATE["model"]["weight"].numpy().tobytes())
    for byte in range(80):
        save(place, "a", 2, STATE)
        alter(place, "a-step-2.pt", at + byte)
        with pytest.raises(TrainingError, match="was altered"):
            load(place.uri("a-step-2.pt"))
        assert not is_whole(place, "a-step-2.pt")
    assert str(latest(where, "a")).endswith("a-step-1.pt"), "the newest that is whole"


def test_sums_are_written_also_where_somebody_turned_them_off(where: str) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        save(where, "a", 1, STATE)
        assert torch.serialization.get_crc32_options() is False
    finally:
        torch.serialization.set_crc32_options(True)
    assert latest(where, "a") is not None


def test_a_checkpoint_that_cannot_be_written_costs_no_training_that_has_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(tmp_path / "a", "x")
    assert writer.save(1, STATE) is not None
    (tmp_path / "a").rename(tmp_path / "moved")
    (tmp_path / "a").touch()
    assert writer.save(2, STATE) is None
    assert "goes on without a checkpoint of step 2: " in caplog.text
    with pytest.raises(TrainingError, match="cannot be written"):
        Writer(tmp_path / "a", "x").save(1, STATE)


def loss_of(model: nn.Module, batch: Any) -> Tensor:
    return (model(batch[0]) - batch[0].sum(1, keepdim=True)).square().mean()


def train(trial: LeasedTrial, where: str, cut: int | None = None) -> FitResult:
    """As `fit` does in a worker, broken off in step `cut` + 1."""

    def evaluate(model: nn.Module) -> float:
        if cut is not None and len(trial.curve) == cut:
            raise KeyboardInterrupt
        return float(loss_of(model, (ROWS,)))

    how: dict[str, Any] = {"loss_function": loss_of, "learning_rate": 0.01, "batch_size": 16, "device": "cpu"}
    return fit(lambda: nn.Linear(4, 1), (ROWS,), trial=trial, checkpoints=where, evaluate=evaluate, **how)


def begun(client: Client, where: str, steps: int = 3) -> str:
    """A trial that was given back after so many steps; where its checkpoint is."""
    study = client.create_study("s", max_trials=1, max_steps=5, pruner="none")
    trial = next(study.leases(resumable=True))
    with pytest.raises(KeyboardInterrupt), trial:
        train(trial, where, steps)
    found = client.trial("s", 0).checkpoint
    assert found is not None
    assert found.step == steps
    return found.uri


def test_a_trial_goes_on_from_its_checkpoint_wherever_that_lies(client: Client, where: str) -> None:
    begun(client, where)
    with next(client.study("s").leases(resumable=True)) as trial:
        result = train(trial, where)
        assert [step for step, _ in trial.curve] == [4, 5]
    assert len(result.losses) == 10
    assert len(names(place_of(where))) == 1, "the best trial's last one stays, and no other"


@pytest.mark.parametrize("lost", ["half", "altered", "gone"])
def test_where_the_newest_checkpoint_is_not_whole_the_one_before_it_is_gone_on_from(
    client: Client, where: str, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    place = place_of(where)
    name = place.name_of(begun(client, where))
    if lost == "gone":
        place.remove(name)
    else:
        alter(place, name, None if lost == "half" else -200)
    with next(client.study("s").leases(resumable=True)) as trial:
        result = train(trial, where)
        assert [step for step, _ in trial.curve] == [3, 4, 5]
    assert "the checkpoint before" in caplog.text
    curve = client.trial("s", 0).curve
    assert [point.step for point in curve] == [1, 2, 3, 4, 5]
    assert [float(point.value) for point in curve] == [one.value for one in result.curve]


def test_where_no_checkpoint_is_whole_the_training_begins_anew(
    client: Client, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    begun(client, where)
    place = place_of(where)
    for name in names(place):
        alter(place, name)
    with next(client.study("s").leases(resumable=True)) as trial:
        train(trial, where)
        assert [step for step, _ in trial.curve] == [1, 2, 3, 4, 5]
    assert "trial 0 is trained from the start: " in caplog.text


def given_back(trial: LeasedTrial, uri: str) -> None:
    with trial:
        trial.report(1, 0.5, checkpoint=uri)
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "outside", ["../elsewhere.pt", "s3://KEY:SECRET@bucket/a.pt", "ftp://host/a.pt", "/etc/passwd"]
)
def test_a_checkpoint_outside_the_place_of_the_worker_is_not_read(
    client: Client, where: str, outside: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Any worker of the study may have named it."""
    study = client.create_study("s", max_trials=1, max_steps=2, pruner="none")
    elsewhere = outside if "://" in outside or outside.startswith("/") else place_of(where).uri(outside)
    with pytest.raises(KeyboardInterrupt):
        given_back(next(study.leases(resumable=True)), elsewhere)
    with next(client.study("s").leases(resumable=True)) as trial:
        train(trial, where)
        assert [step for step, _ in trial.curve] == [1, 2]
    assert "trial 0 is trained from the start: " in caplog.text
    assert "SECRET" not in caplog.text


def test_without_a_place_no_object_store_is_asked_for_a_checkpoint(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    uri = begun(client, f"memory://{uuid4().hex}/a")
    with next(client.study("s").leases(resumable=True)) as trial:
        fit(lambda: nn.Linear(4, 1), (ROWS,), loss_function=loss_of, trial=trial)
        assert len(trial.curve) == 5
    assert f"{uri} is in no place that was given: name it as checkpoints" in caplog.text
