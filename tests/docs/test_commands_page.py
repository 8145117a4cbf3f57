"""docs/reference/commands.md has every command and option, as `--help` describes them."""

from tests.docs.commands_page import COMMAND, PAGE, page


def test_the_page_says_what_help_says() -> None:
    assert PAGE.read_text() == page(), f"write it anew: {COMMAND}"
