from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Programs


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path / "programs") as started:
        yield started
