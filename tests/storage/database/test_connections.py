"""Which URLs name a database."""

import pytest

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.errors import StorageUrlInvalid


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "cannot be read"),
        ("mysql://host/db", "not in mysql"),
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("postgresql+asyncpg://host/db", "postgresql"),
    ],
)
def test_a_url_that_names_no_database_is_refused_with_what_would_be_right(url: str, words: str) -> None:
    with pytest.raises(StorageUrlInvalid, match=words):
        Database(url)
