"""What is said where a framework is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Imports within the block are of what `extra` brings: the ImportError where one is absent names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "lrtune":
            raise
        said = f"lrtune.{extra} needs {error.name}, which is not installed: pip install 'lrtune[{extra}]'"
        raise ModuleNotFoundError(said, name=error.name) from error
