"""What a place for files offers, whatever it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True)
class Entry:
    """A file in a place, or a folder that counts as one."""

    name: str
    """Relative to the place, with `/` between its parts."""
    written: float
    """When, in seconds since 1970; 0 where the place does not say."""


class Place(ABC):
    """Files by name. What goes wrong is a TrainingError of one line; nothing it says holds a credential."""

    @abstractmethod
    def __str__(self) -> str:
        """As people are told of it."""

    @abstractmethod
    def uri(self, name: str) -> str:
        """Under which every worker finds the file."""

    @abstractmethod
    def name_of(self, uri: str) -> str:
        """The name of what lies here under `uri`, a path or a URI. Raises TrainingError where that leads elsewhere."""

    @abstractmethod
    def write(self, name: str, fill: Callable[[IO[bytes]], object]) -> None:
        """Writes what `fill` writes: the file is there whole, or as it was before."""

    @abstractmethod
    def reading(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """The file, open, to be read from anywhere. Raises TrainingError where it cannot be."""

    @abstractmethod
    def entries(self, pattern: str = "*") -> list[Entry]:
        """What lies here under names like `pattern`, as of `fnmatch`; nothing where there is no such place yet."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Removes it; nothing happens where it has gone already."""
