"""Frameworks that come with an extra of their own."""


def absent(extra: str, error: ImportError) -> ImportError:
    """What to raise where `error` came of importing the framework that `lrtune[extra]` brings."""
    return ImportError(
        f"lrtune.{extra} cannot be imported ({error}): pip install 'lrtune[{extra}]'", name=error.name, path=error.path
    )
