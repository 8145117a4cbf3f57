"""How a command says what went wrong: one line on standard error."""

import sys

from lrtune.service.sentences.words import plain


def print_error(message: str) -> None:
    """`lrtune: ` and the message, as one line."""
    print(f"lrtune: {' '.join(plain(message).split())}", file=sys.stderr)
