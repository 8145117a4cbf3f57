"""Optuna's own storage test suite, over our engine. One engine for each database: a test finds it without a study."""

from collections.abc import Iterator

import pytest
from optuna.testing.pytest_storages import StorageTestCase

from lrtune.service.storage import OptunaStorage, open_storage
from tests.conftest import new_postgres


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OptunaStorage]:
    storage = open_storage(f"sqlite:///{tmp_path_factory.mktemp('contract')}/storage.db")
    yield storage
    storage.close()


@pytest.fixture(scope="module")
def on_postgres(postgres_admin_url: str) -> Iterator[OptunaStorage]:
    with new_postgres(postgres_admin_url) as url:
        storage = open_storage(url)
        yield storage
        storage.close()


def _emptied(storage: OptunaStorage) -> OptunaStorage:
    for study in storage.get_all_studies():
        storage.delete_study(study._study_id)
    return storage


class TestOnSqlite(StorageTestCase):
    @pytest.fixture
    def storage(self, on_sqlite: OptunaStorage) -> OptunaStorage:
        return _emptied(on_sqlite)


class TestOnPostgres(StorageTestCase):
    @pytest.fixture
    def storage(self, on_postgres: OptunaStorage) -> OptunaStorage:
        return _emptied(on_postgres)
