"""docs/reference/python.md has every name that may be imported and every error, as its docstring describes it."""

import re

import pytest

from tests.docs.pages import DOCS
from tests.docs.sources import errors, public_names, summaries

ROWS = re.findall(r"^\| `(lrtune(?:\.\w+)+)` \| (.*) \|$", (DOCS / "reference" / "python.md").read_text(), re.MULTILINE)


def test_every_public_name_and_every_error_has_its_row_and_nothing_else() -> None:
    assert sorted(name for name, _ in ROWS) == sorted([*public_names(), *errors()])


def test_each_row_says_how_the_docstring_begins() -> None:
    pytest.importorskip("griffe")
    assert dict(ROWS) == summaries([*public_names(), *errors()])
