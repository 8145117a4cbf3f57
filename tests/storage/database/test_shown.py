"""No secret of a storage URL is shown, wherever it stands in the URL and whoever quotes it."""

import pytest
from sqlalchemy import make_url

from lrtune.service.settings import Settings
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.read_only import shown as shown_text
from lrtune.service.storage.database.shown import shown, without_secrets
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.maintenance.upgrade import check_can_open

HIDDEN = [
    "postgresql+psycopg://me:hush-hush@host/db",
    "postgresql://host/db?user=me&password=hush-hush",
    "postgresql://host/db?PASSWORD=hush-hush",
    "postgresql://host/db?sslpassword=hush-hush&sslkey=/k",
    "postgresql://me:other@host/db?password=hush-hush&password=again",
    "postgresql://host/db?p%61ssword=hush%2Dhush",
    "postgresql://host/db?oauth_client_secret=hush-hush",
    "postgresql://host/db?scram_client_key=hush-hush",
]


@pytest.mark.parametrize("url", HIDDEN)
def test_no_secret_of_a_url_is_shown(url: str) -> None:
    for text in (shown(make_url(url)), shown_text(url), Database(url).shown_url):
        assert "hush" not in text
        assert "***" in text
    assert "host/db" in shown_text(url)
    assert "hush" not in repr(Settings(storage=url)) + str(Settings(storage=url))


@pytest.mark.parametrize("url", HIDDEN)
def test_no_secret_is_told_where_a_driver_quotes_it(url: str) -> None:
    assert "hush" not in without_secrets("invalid option password=hush-hush in 'hush-hush'", make_url(url))


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    url = "postgresql+psycopg://me@host:5433/db?application_name=x&passfile=here"
    assert shown_text(url) == url
    assert shown_text("sqlite:////srv/some where/lrtune.db") == "sqlite:////srv/some where/lrtune.db"


def test_a_short_secret_is_masked_where_it_stands_alone() -> None:
    assert without_secrets("password a refused, says a", make_url("postgresql://me:a@host/db")) == (
        "password *** refused, says ***"
    )


@pytest.mark.parametrize("query", ["password=hush-hush", "password=hush-hush&connect_timeout=hush-hush"])
def test_a_start_that_fails_tells_no_secret(query: str) -> None:
    with pytest.raises(StorageError) as caught:
        check_can_open(f"postgresql://127.0.0.1:1/db?{query}")
    assert "hush" not in str(caught.value)


def test_for_those_beyond_the_service_there_is_no_url_at_all() -> None:
    database = Database("postgresql://me:hush-hush@host/db?sslpassword=more-hush")
    told = database.concealed(f"the database {database.shown_url} does not answer, see {database.url}")
    assert told == "the database does not answer, see the database"
