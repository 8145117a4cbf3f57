"""W&B's offline files: a log of records, in blocks of 32 KiB as LevelDB has them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

_BLOCK, _FILE_HEADER, _HEADER = 32768, 7, 7
_FULL, _LAST = 1, 4


def records(file: Path) -> list[Any]:
    """What a run has written, in order."""
    return [Record.FromString(data) for data in _whole(file.read_bytes())]


def _whole(content: bytes) -> Iterator[bytes]:
    assert content[:4] == b":W&B"
    at, parts = _FILE_HEADER, b""
    while at + _HEADER <= len(content):
        left = _BLOCK - at % _BLOCK
        if left < _HEADER:
            at += left
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        parts += content[at + _HEADER : at + _HEADER + length]
        at += _HEADER + length
        if kind in (_FULL, _LAST):
            yield parts
            parts = b""
