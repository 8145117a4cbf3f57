"""Optuna's own storage test suite, over our engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.testing.pytest_storages import StorageTestCase

from service.storage import OptunaStorage, open_storage


class TestOnSqlite(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[OptunaStorage]:
        storage = open_storage(f"sqlite:///{tmp_path}/storage.db")
        yield storage
        storage.close()


class TestOnPostgres(StorageTestCase):
    @pytest.fixture
    def storage(self, postgres_url: str) -> Iterator[OptunaStorage]:
        storage = open_storage(postgres_url)
        yield storage
        storage.close()
