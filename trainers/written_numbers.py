"""Numbers as programs of any language and locale print them."""

import math
import re

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.ASCII)
_NAN = re.compile(r"[+-]?(?:nan|na|1\.#q?s?nan|1\.#ind)(?:\(\w*\)?)?0*")
_INFINITY = re.compile(r"([+-]?)(?:inf|infinity|1\.#inf0*)")
_AROUND = " \t'\"()[]:;,%"


def read_written(text: str) -> float | None:
    """The number that `text` writes; None where it is none.

    Points and commas both divide (`0.31`, `0,31`, `1.234,5`, `1,234.5`), not-a-number and infinity are read in the
    spellings of C, R, Fortran and Windows, and what stands around a number in a line (quotes, brackets, a comma after
    it, a per cent sign) is left aside.

    >>> read_written("0,31"), read_written("1.5D-03,"), read_written("-Infinity"), read_written("three")
    (0.31, 0.0015, -inf, None)
    """
    plain = text.strip(_AROUND).replace("\u2212", "-").lower()
    if _NAN.fullmatch(plain):
        return math.nan
    if infinite := _INFINITY.fullmatch(plain):
        return -math.inf if infinite[1] == "-" else math.inf
    plain = _with_point(plain).replace("d", "e", 1)
    return float(plain) if _NUMBER.fullmatch(plain) else None


def _with_point(text: str) -> str:
    """With a decimal point, and nothing between thousands; of points and commas the last kind divides the decimals,
    and one kind that stands there several times does not."""
    comma, point = text.rfind(","), text.rfind(".")
    if comma < 0:
        return text.replace(".", "") if text.count(".") > 1 else text
    if point < 0:
        return text.replace(",", "" if text.count(",") > 1 else ".")
    return text.replace(".", "").replace(",", ".") if comma > point else text.replace(",", "")
