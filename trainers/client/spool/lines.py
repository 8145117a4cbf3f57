"""Lines that say themselves whether they are whole.

    3610a686 5 hello

CRC-32 of the body in hexadecimal, its length in bytes, the body, a line's end. Of a file that was cut in half, or in
which a byte was flipped, what comes before the first line that is not whole is good.
"""

from collections.abc import Iterator
from zlib import crc32


def line_of(body: bytes) -> bytes:
    """The line of a body without a line's end in it."""
    return b"%08x %d %b\n" % (crc32(body), len(body), body)


def whole_lines(content: bytes) -> Iterator[tuple[bytes, int]]:
    """The bodies up to the first line that is not whole, each with how many bytes of `content` end with it."""
    at = 0
    while (end := content.find(b"\n", at) + 1) > 0:
        parts = content[at : end - 1].split(b" ", 2)
        if len(parts) < 3 or line_of(parts[2]) != content[at:end]:
            return
        yield parts[2], end
        at = end
