"""The parts of the bench, by name."""

from collections.abc import Callable, Iterator, Sequence

from tests.benchmarks.access import flood, tokens
from tests.benchmarks.storage.figures import Figure

PARTS: dict[str, Callable[[str, bool, Callable[[str], None]], Iterator[Figure]]] = {
    "tokens": lambda kind, quick, say: tokens.measure(kind, tokens.QUICK if quick else tokens.Size(), say),
    "flood": lambda kind, quick, say: flood.measure(kind, flood.QUICK if quick else flood.Size(), say),
}
"""Called with the kind of database, whether it is the short form, and where progress is told."""


def run(parts: Sequence[str], kinds: Sequence[str], *, quick: bool, say: Callable[[str], None]) -> Iterator[Figure]:
    """The figures of these parts, all where none is named."""
    for name in parts or PARTS:
        for kind in kinds:
            yield from PARTS[name](kind, quick, say)
