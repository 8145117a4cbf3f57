"""The place that somebody names."""

from pathlib import Path

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.places.addresses import RemoteAddress, read_address
from lrtune.trainers.state.places.local import LocalFolder
from lrtune.trainers.state.places.place import Place
from lrtune.trainers.state.places.remote import RemoteFolder


def place_of(where: "str | Path | Place") -> Place:
    """A path, file://, or a URI of an object store. Raises TrainingError for what cannot be used here."""
    if isinstance(where, Place):
        return where
    address = read_address(where)
    return RemoteFolder(address) if isinstance(address, RemoteAddress) else LocalFolder(address)


def place_and_name(where: "str | Path") -> tuple[Place, str]:
    """Of one file. Raises TrainingError."""
    address = read_address(where)
    if not isinstance(address, RemoteAddress):
        return LocalFolder(address.parent), address.name
    if len(address.parts) < 2:
        raise TrainingError(f"{address} names a place, and no file in it: give a checkpoint")
    return RemoteFolder(RemoteAddress(address.scheme, address.parts[:-1])), address.parts[-1]
