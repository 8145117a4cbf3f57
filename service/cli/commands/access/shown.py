"""How tokens are shown, and a secret handed over, once."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lrtune.service.cli.commands.access.durations import ago
from lrtune.service.cli.output import fail, print_json
from lrtune.service.sentences.words import plain
from lrtune.service.wire.access.credentials import home_file

if TYPE_CHECKING:
    from lrtune.service.wire.access.bodies import CreatedToken, Token


def facts(token: "Token", now: datetime) -> str:
    """`lrt_AbCd1234… (id 4f0c…), worker for cifar-*, expires in 30 d`."""
    ends = "never expires" if token.expires_at is None else f"expires {ago(token.expires_at, now)}"
    if token.revoked_at is not None:
        ends = f"revoked {ago(token.revoked_at, now)}"
    named = f" {token.name!r}" if token.name else ""
    studies = "all studies" if "*" in token.scopes else ", ".join(token.scopes)
    return f"{token.prefix}…{named} (id {token.id}), {token.role} for {studies}, {ends}"


def state(token: "Token", now: datetime) -> str:
    """Whether it holds: `expires in 30 d`, `expired 2 h ago`, `revoked 3 d ago`, `holds`."""
    if token.revoked_at is not None:
        return f"revoked {ago(token.revoked_at, now)}"
    if token.expires_at is None:
        return "holds"
    return f"{'expired' if token.expires_at <= now else 'expires'} {ago(token.expires_at, now)}"


@contextmanager
def secret_file(path: Path | None) -> Iterator[BinaryIO | None]:
    """A new file for a secret, which only its owner may read; gone again where the block fails. None for none.

    It is made before the token is, so that no secret is lost for want of a place; and after the token was found that
    the command itself shows, which it may come to hold the next of.
    """
    if path is None:
        yield None
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        fail(f"--write: {path} exists and is not replaced: name another file, or remove it")
    except OSError as error:
        fail(f"--write: {path} cannot be made ({(error.strerror or 'error').lower()}): name another file")
    done = False
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        done = True
    finally:
        if not done:
            path.unlink(missing_ok=True)


def hand_over(token: "CreatedToken", file: BinaryIO | None, path: Path | None, *, as_json: bool) -> None:
    """The secret alone on standard output or into the file; what the token is and what to do with it, on standard
    error."""
    if file is not None:
        _write(token, file)
    if as_json:
        members = token.model_dump(mode="json")
        print_json(members if file is None else {**members, "secret": None, "file": str(path)})
        return
    if file is None:
        print(token.secret)
    print(f"token {plain(facts(token, datetime.now(UTC)))}", file=sys.stderr)
    print(plain(_use_of(path)), file=sys.stderr)


def _use_of(path: Path | None) -> str:
    home = home_file()
    if path is None:
        return f"it is shown this once: set LRTUNE_TOKEN to it, or keep it in {home or 'a file'} (mode 600)"
    if path.absolute() == home:
        return f"it is in {path}, where commands and scripts of yours find it"
    return f"it is in {path}: set LRTUNE_TOKEN_FILE to that for who is to show it"


def _write(token: "CreatedToken", file: BinaryIO) -> None:
    try:
        file.write(f"{token.secret}\n".encode())
        file.flush()
    except OSError as error:
        fail(f"the secret could not be written ({error.strerror}): revoke it, `lrtune token revoke {token.id}`")
