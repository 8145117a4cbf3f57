"""What a script gives that JSON in UTF-8 has no form for."""

import os
from typing import Any

import numpy as np
import pytest

from lrtune import Client, LrtuneError
from lrtune.service.wire.base import storable_part
from tests.fake_service import FakeService

LATIN = os.fsdecode(b"caf\xe9")
"""A file name that is not UTF-8, as Python reads it: with a lone surrogate."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [(LATIN, "caf\ufffd"), ("\udce9\ud83d", "\ufffd\ufffd"), ("a\0b", "a\ufffdb"), ("naïve 😀", "naïve 😀"), ("", "")],
)
def test_text_for_people_is_made_storable(text: str, shown: str) -> None:
    assert storable_part(text) == shown


def test_an_error_that_names_such_a_file_is_told(client: Client, service: FakeService) -> None:
    with pytest.raises(FileNotFoundError), next(client.study("s").leases()):
        raise FileNotFoundError(f"{LATIN} and \0")
    (told,) = service.bodies("/result")
    assert told["state"] == "failed"
    assert told["error"].endswith("caf\ufffd and \ufffd\n")


def test_a_worker_of_such_a_name_trains(client: Client, service: FakeService) -> None:
    next(client.study("s").leases(f"{LATIN}:1"))
    assert service.bodies("/trials")[0]["worker"] == "caf\ufffd:1"


REFUSED = [
    pytest.param(lambda c: c.create_study("t", tags={"family": LATIN}), r"tags\.family: the text 'caf", id="tag"),
    pytest.param(lambda c: c.create_study("t", tags={LATIN: "x"}), r"tags\.caf.udce9: the name 'caf", id="tag's name"),
    pytest.param(lambda c: c.create_study("t", description=LATIN), "description: the text 'caf", id="description"),
    pytest.param(
        lambda c: c.create_study("t", search_space={"f": {"type": "categorical", "choices": ["a", LATIN]}}),
        r"search_space\.f\.choices\.1: the text 'caf",
        id="choice",
    ),
    pytest.param(lambda c: c.enqueue("s", {"f": LATIN}), r"params\.f: the text 'caf", id="enqueued"),
    pytest.param(lambda c: c.record("s", {"f": LATIN}, value=1.0), r"params\.f", id="recorded"),
    pytest.param(lambda c: c.suggest(family=LATIN), "family: ", id="family"),
    pytest.param(lambda c: c.patch_study("s", description=LATIN), "description: the text", id="patch"),
    pytest.param(lambda c: c.enqueue("s", {"f": np.float32(0.5)}), r"params\.f: float32 .*0\.5", id="NumPy"),
    pytest.param(lambda c: c.enqueue("s", {"f": object()}), r"params\.f: object ", id="an object"),
    pytest.param(lambda c: c.record("s", {"f": 1}, value=1.0, state="done"), "state: ", id="state"),
    pytest.param(lambda c: c.suggest(batch_size=0), "batch_size: ", id="batch size"),
]


@pytest.mark.parametrize(("call", "told"), REFUSED)
def test_what_cannot_be_sent_is_refused_by_its_field(
    client: Client, service: FakeService, call: Any, told: str
) -> None:
    with pytest.raises(LrtuneError, match=told):
        call(client)
    assert service.calls == []


def test_a_checkpoint_at_such_a_place_is_refused(client: Client, service: FakeService) -> None:
    with next(client.study("s").leases()) as trial:
        with pytest.raises(LrtuneError, match="uri: "):
            trial.report(1, 0.5, checkpoint=f"/data/{LATIN}")
        trial.report(1, 0.5)
    assert service.bodies("/result")[0]["state"] == "complete"
