"""Which version of lrtune this is."""

from importlib.metadata import PackageNotFoundError, version


def service_version() -> str:
    """The version of this installation; 0 where nothing says so."""
    try:
        return version("lrtune")
    except PackageNotFoundError:
        return "0"
