"""Probes ask the storage once for all of them."""

import asyncio

import pytest

from lrtune.service.api import storage_look
from lrtune.service.api.storage_look import StorageLook
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.errors import StorageUnavailable


def test_a_flood_of_probes_costs_one_look_a_second_and_each_is_told(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, looks = 0.0, 0

    def look(_database: Database) -> bool:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise StorageUnavailable("gone")
        return True

    async def flood(asked: StorageLook) -> set[tuple[str, str]]:
        return set(await asyncio.gather(*(asked.told() for _ in range(100))))

    async def floods() -> None:
        nonlocal now
        asked = StorageLook(database, clock=lambda: now)
        for _ in range(2):
            assert await flood(asked) == {("reachable", "current")}
        assert looks == 1
        now = 1.5
        assert await flood(asked) == {("away: gone", "unknown")}
        assert looks == 2

    monkeypatch.setattr(storage_look, "is_current", look)
    database = Database(f"sqlite:///{tmp_path}/probed.db")
    asyncio.run(floods())
    database.close()
