"""Tags of studies as people type them: `family=cnn`."""

from collections.abc import Iterable, Mapping

MOST_TAGS = 32
"""By which studies are chosen at once."""
_LONGEST_SHOWN = 60


def parse_tags(given: Iterable[str]) -> Mapping[str, str]:
    """Tags by key; a value may hold `=`, and be empty.

    >>> parse_tags(["family=cnn", "data=cifar=10"])
    {'family': 'cnn', 'data': 'cifar=10'}

    Raises ValueError for what is no KEY=VALUE, and for a key that comes twice with two values.
    """
    tags: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            lacks = "a key before the =" if equals else "a ="
            raise ValueError(f"{text[:_LONGEST_SHOWN]!r} lacks {lacks}: write KEY=VALUE, as in family=cnn")
        if tags.setdefault(key, value) != value:
            shown = f"{tags[key][:_LONGEST_SHOWN]!r} and {value[:_LONGEST_SHOWN]!r}"
            raise ValueError(f"{key[:_LONGEST_SHOWN]} comes twice, as {shown}: leave one of them out")
    return tags
