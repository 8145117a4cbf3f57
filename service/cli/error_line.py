"""How a command says what went wrong: one line on standard error."""

import sys


def print_error(message: str) -> None:
    """`lrtune: ` and the message, as one line."""
    print(f"lrtune: {' '.join(message.split())}", file=sys.stderr)
