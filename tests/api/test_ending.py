"""How the service ends when one of its tasks has failed."""

import asyncio
from pathlib import Path

import pytest

from lrtune.service.access.access import Access
from lrtune.service.access.files.tokens import WantedToken, keep_ensuring
from lrtune.service.access.keeper import Keeper
from lrtune.service.storage.engine.engine import open_engine
from lrtune.service.wire.access.secrets import new_secret
from tests.api.conftest import serving
from tests.support import migrated


def test_a_task_that_failed_keeps_nothing_from_being_closed(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(self: Keeper) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Keeper, "run", failing)
    with serving(f"sqlite:///{tmp_path}/lrtune.db") as client:
        engine = client.app.state.container.engine  # type: ignore[attr-defined]
        assert client.get("/healthz").status_code == 200
    assert engine.state == "closed"
    assert "lrtune-tokens had failed" in caplog.text


def test_tokens_of_files_that_fail_in_a_way_nobody_foresaw_are_told_and_stop_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/lrtune.db"
    migrated.make(url)
    engine = open_engine(url)
    wanted = WantedToken(tmp_path / "token", "--admin-token-file", "owner", new_secret())  # type: ignore[arg-type]

    async def ensuring() -> None:
        access = Access(engine)
        await asyncio.wait_for(keep_ensuring(engine, access, [wanted]), 10)
        access.close()

    try:
        asyncio.run(ensuring())
    finally:
        engine.close()
    assert "the tokens of the files are not ensured" in caplog.text
