"""A service whose threads are all taken: revocations are made and seen all the same, and none is left behind."""

import asyncio
import os
import threading

from sqlalchemy import Connection

from lrtune.service.access import tokens
from tests.access.conftest import Secured, secure
from tests.access.test_processes import beside
from tests.api.conftest import serving
from tests.faults.conftest import until


def take_all_threads(secured: Secured) -> threading.Event:
    """Keep the event loop's threads busy until the event is set."""
    enough = threading.Event()

    async def take() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(min(32, (os.cpu_count() or 1) + 4) + 8):
            loop.run_in_executor(None, enough.wait, 60)

    assert secured.client.portal is not None
    secured.client.portal.call(take)
    return enough


def revoke(connection: Connection, token_id: str) -> None:
    tokens.revoke(connection, token_id, 1.0)


def test_a_revocation_is_seen_while_all_threads_are_taken(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/lrtune.db"
    with serving(url) as client:
        secured = secure(client)
        here, beside_it = (secured.make("worker") for _ in range(2))
        enough = take_all_threads(secured)
        try:
            assert client.delete(f"/v1/tokens/{here['id']}", headers=secured.headers).status_code == 200
            assert secured.status(here["secret"]) == 401
            with beside(url) as connection:
                revoke(connection, beside_it["id"])
            until(lambda: secured.status(beside_it["secret"]) == 401, 5)
        finally:
            enough.set()
    until(lambda: not [one for one in threading.enumerate() if one.name.startswith("lrtune-token")], 5)
