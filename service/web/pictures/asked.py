"""What pictures read of the query of their address."""

from fastapi import Request

from lrtune.service.tuning.errors import InvalidField

_DIGITS = 10
"""Nothing in a study has a number of so many."""


def number_of(request: Request, of: str) -> int:
    """`?number=`, that `of` something. Raises InvalidField."""
    asked = request.query_params.get("number", "")
    if not (asked.isascii() and asked.isdigit() and len(asked) < _DIGITS):
        raise InvalidField(("number",), f"must be that of {of}")
    return int(asked)
