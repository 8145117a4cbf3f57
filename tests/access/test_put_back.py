"""A database that is put back while the service runs: what it does not hold opens nothing."""

import pytest

from lrtune.service.storage.schema.tables import access_version
from lrtune.service.storage.schema.tables import tokens as table
from lrtune.service.wire.access.secrets import new_secret
from tests.access.conftest import secure
from tests.access.test_processes import beside
from tests.api.conftest import serving
from tests.faults.conftest import until


def test_a_database_that_is_put_back_opens_to_its_own_tokens_alone(storage_url: str) -> None:
    with serving(storage_url) as client:
        secured = secure(client)
        revoked = secured.make("worker")
        with beside(storage_url) as connection:
            saved = {one: connection.execute(one.select()).mappings().all() for one in (access_version, table)}
        later = [secured.make("worker") for _ in range(3)]
        assert client.delete(f"/v1/tokens/{revoked['id']}", headers=secured.headers).status_code == 200
        with beside(storage_url) as connection:
            for one, rows in saved.items():
                connection.execute(one.delete())
                connection.execute(one.insert(), [dict(row) for row in rows])
        until(lambda: [secured.status(one["secret"]) for one in later] == [401] * 3, 5)
        assert [secured.status(one["secret"]) for one in (secured.admin, revoked)] == [200, 200]
        assert client.delete(f"/v1/tokens/{revoked['id']}", headers=secured.headers).status_code == 200
        assert secured.status(revoked["secret"]) == 401


def test_a_service_whose_tokens_are_gone_is_not_open_again(storage_url: str) -> None:
    with serving(storage_url) as client:
        secured = secure(client)
        with beside(storage_url) as connection:
            connection.execute(table.delete())
            connection.execute(access_version.delete())
        until(lambda: secured.status(secured.admin["secret"]) == 401, 5)
        assert client.get("/v1/studies").status_code == 401


@pytest.mark.parametrize("further", [0, 3])
def test_another_database_is_noticed_by_the_number_of_its_tokens_too(storage_url: str, further: int) -> None:
    with serving(storage_url) as client:
        secured = secure(client)
        gone = secured.make("worker")
        with beside(storage_url) as connection:
            connection.execute(table.delete().where(table.c.token_id == gone["id"]))
            connection.execute(access_version.update().values(version=access_version.c.version + further))
        until(lambda: secured.status(gone["secret"]) == 401, 5)
        assert [secured.status(one) for one in (secured.admin["secret"], new_secret())] == [200, 401]
