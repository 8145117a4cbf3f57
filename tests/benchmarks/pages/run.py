"""The parts of the bench, by name."""

from collections.abc import Callable, Iterator, Sequence

from tests.benchmarks.pages import holds, paint, update, viewers
from tests.benchmarks.pages.served import QUICK, Size
from tests.benchmarks.storage.figures import Figure


def _viewers(kind: str, size: Size, say: Callable[[str], None]) -> Iterator[Figure]:
    return viewers.measure(kind, viewers.Size() if size.judged else viewers.QUICK, say)


PARTS: dict[str, Callable[[str, Size, Callable[[str], None]], Iterator[Figure]]] = {
    "paint": paint.measure,
    "update": update.measure,
    "viewers": _viewers,
    "holds": holds.measure,
}
"""Called with the kind of database, the size, and where progress is told."""


def run(parts: Sequence[str], kinds: Sequence[str], *, quick: bool, say: Callable[[str], None]) -> Iterator[Figure]:
    """The figures of these parts, all where none is named."""
    for name in parts or PARTS:
        for kind in kinds:
            yield from PARTS[name](kind, QUICK if quick else Size(), say)
