"""Addresses of places: paths, and URIs of the schemes that are known."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lrtune.trainers.errors import TrainingError

EXTRAS = {"s3": "lrtune[s3]", "gs": "lrtune[gs]", "memory": "fsspec"}
"""What has to be installed for a scheme of an object store. `memory` lasts as long as a process: it is for trials."""
SCHEMES = ("file", *EXTRAS)

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # Two letters at the least: `C:/` is a path of Windows.


@dataclass(frozen=True)
class RemoteAddress:
    """A URI of an object store, checked."""

    scheme: str
    parts: tuple[str, ...]
    """The bucket, and what the `/` of the key stand between."""

    def __str__(self) -> str:
        return f"{self.scheme}://{'/'.join(self.parts)}"


def shown(where: object) -> str:
    """`where` without what may be a credential: a name and password before the bucket, and what follows a `?`.

    >>> shown("s3://key:secret@bucket/a?token=b")
    's3://***bucket/a?***'
    """
    text = str(where)
    if scheme_of(text) in (None, "file"):
        return text
    beginning, slashes, rest = text.partition("://")
    rest, query, _ = rest.partition("?")
    if set(re.split("[/#]", rest, maxsplit=1)[0]) & set(":@"):
        rest = f"***{rest.rpartition('@')[2] if '@' in rest else ''}"
    return f"{beginning}{slashes}{rest}{'?***' if query else ''}"


def scheme_of(where: str | Path) -> str | None:
    """In small letters; None of a path."""
    found = None if isinstance(where, Path) else _SCHEME.match(where)
    return found[1].lower() if found else None


def read_address(where: str | Path) -> Path | RemoteAddress:
    """Raises TrainingError, in one line, for what leads nowhere, or where it should not."""
    scheme = scheme_of(where)
    if scheme is None or scheme == "file":
        return path_of(where)
    if scheme not in EXTRAS:
        raise TrainingError(f"{shown(where)} has the scheme {scheme}, which is not known: use {_known()}")
    return _remote(str(where), scheme)


def path_of(where: str | Path) -> Path:
    """Of a path or a file:// URI. Raises TrainingError."""
    if scheme_of(where) != "file":
        return _without_nul(where, str(where))
    parsed = urlsplit(str(where))
    if parsed.netloc not in ("", "localhost"):
        raise TrainingError(f"{where} names the machine {parsed.netloc}: write file:///, and a path of this machine")
    return _without_nul(where, unquote(parsed.path))


def _without_nul(where: str | Path, path: str) -> Path:
    if "\0" in path:
        raise TrainingError(f"{str(where)!r} has a NUL in it: write the path without")
    return Path(path)


def _remote(where: str, scheme: str) -> RemoteAddress:
    told = shown(where)
    bucket, slash, key = where[len(scheme) + 3 :].partition("/")
    if not where[len(scheme) :].startswith("://") or (not bucket and scheme != "memory"):
        raise TrainingError(f"{told} names no bucket: write {scheme}://bucket/folder")
    if ":" in bucket or "@" in bucket:
        raise TrainingError(
            f"{told} has a name or password in it, which would be sent to the service: take it out, and set it as "
            f"the client of {scheme} reads it, from its environment variables or files"
        )
    if "?" in where or "#" in where:
        raise TrainingError(f"{told} has a ? or # in it: write the bucket and the folder alone")
    parts = [bucket, *key.rstrip("/").split("/")] if slash and key.rstrip("/") else [bucket]
    parts = parts if parts[0] else parts[1:]
    for part in parts:
        if unquote(part) in ("", ".", "..") or "/" in unquote(part) or not unquote(part).isprintable():
            raise TrainingError(f"{told} has a part that leads elsewhere, {part!r}: write the place itself")
    return RemoteAddress(scheme, tuple(parts))


def _known() -> str:
    told = [f"{scheme}:// (with {extra} installed)" for scheme, extra in EXTRAS.items()]
    return f"a path, file://, {', '.join(told)}"
