"""Which value of a row no database of ours can hold."""

from collections.abc import Iterable

from lrtune.service.storage.sql.writing.statements import Row

_LARGEST = 2**63 - 1
_LARGEST_OF_OPTUNA = 2**31 - 1
_SHOWN = 40


def unstorable_value(rows: Iterable[Row]) -> str | None:
    """The first such value by the name of its column and what is wrong with it; None where none is known.

    PostgreSQL's text holds neither NUL nor lone surrogates, Optuna's whole numbers have 32 bits, ours 64.
    """
    for _, row in rows:
        for name, value in row.items():
            why = _wrong(value)
            if why is not None:
                return f"{name} {why}"
    return None


def _wrong(value: object) -> str | None:
    if isinstance(value, str):
        if "\0" in value:
            return f"{_shown(value)} holds a NUL character"
        if any("\ud800" <= character <= "\udfff" for character in value):
            return f"{_shown(value)} holds half of a surrogate pair, which is no character"
    elif isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > _LARGEST:
            return "is beyond 64 bits"
        if abs(value) > _LARGEST_OF_OPTUNA:
            return f"is {value}, and may be beyond 32 bits"
    return None


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
