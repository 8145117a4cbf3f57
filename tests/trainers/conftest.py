import random
from collections.abc import Iterator

import httpx2
import numpy as np
import pytest
import torch

from lrtune import Client
from lrtune.trainers.client.http.retry import Retry
from tests.fake_service import FakeService


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """The same weights in every order of the tests."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def slept() -> list[float]:
    """The waits of the client; nobody waits for them."""
    return []


@pytest.fixture
def client(service: FakeService, slept: list[float]) -> Iterator[Client]:
    retry = Retry(total_seconds=60.0, clock=lambda: sum(slept), jitter=lambda: 1.0, sleep=slept.append)
    with Client("http://service", transport=httpx2.MockTransport(service), retry=retry) as client:
        yield client


@pytest.fixture
def no_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept on disk of what cannot be told."""
    monkeypatch.setenv("LRTUNE_SPOOL_BYTES", "0")
