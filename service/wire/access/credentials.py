"""Which token is shown to the service, and where it comes from. Needs the standard library alone.

The first of: what the caller gives, LRTUNE_TOKEN, the file that LRTUNE_TOKEN_FILE names, and `lrtune/token` in the
user's configuration, ~/.config or XDG_CONFIG_HOME.

A file that others may read is refused where its owner can mend that: where it is ours, and lies on a file system that
can be written. So ssh does with private keys, as to the owner. What a cluster mounts for a container, owned by root or
by the user of the container, readable by all and not to be changed, is taken.

No error, and nothing that is printed of a credential, holds a secret.
"""

import os
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from lrtune.service.wire.access.secrets import MARK, PREFIX_LENGTH, misshapen

TOKEN = "LRTUNE_TOKEN"
TOKEN_FILE = "LRTUNE_TOKEN_FILE"

_LARGEST_FILE = 4096
_SECRET = re.compile(rf"({MARK}[A-Za-z0-9_-]{{{PREFIX_LENGTH - len(MARK)}}})[A-Za-z0-9_-]+")


class CredentialUnusable(ValueError):
    """A token was given, and cannot be used; the message names where it stands and what to do, and not the token."""


@dataclass(frozen=True)
class Credential:
    """A token's secret, and where it was found."""

    secret: str = field(repr=False)
    source: str
    """For people: `LRTUNE_TOKEN`, or a file by its name."""


def find_credential(
    token: str | None = None, environment: Mapping[str, str] | None = None, *, again: bool = False
) -> Credential | None:
    """What to show to the service; None where nobody gave a token. Raises CredentialUnusable.

    Variables that are empty count as not set. `again`: it was read before, so that a pipe has nothing more to tell.
    """
    given = os.environ if environment is None else environment
    if token is not None:
        return _checked(token, "token=", "give it the token that `lrtune token create` printed, or leave it out")
    if value := given.get(TOKEN):
        return _checked(value, TOKEN, _remedy_of_variable(value))
    if name := given.get(TOKEN_FILE):
        if concealed(name) != name:
            raise CredentialUnusable(f"{TOKEN_FILE} holds a token, not the name of a file: set {TOKEN} to it instead")
        return read_file(Path(name).expanduser(), f"{name} ({TOKEN_FILE})", again=again)
    file = home_file(given)
    if file is None or not os.path.lexists(file):
        return None
    return read_file(file, again=again)


def read_file(file: Path, source: str | None = None, *, again: bool = False) -> Credential:
    """The token that a file holds, with white space around it or without. Raises CredentialUnusable.

    `source` is what the file is called for people, its name unless given. `again` as in `find_credential`.
    """
    source = source or str(file)
    try:
        with open(file, "rb", opener=_open_again if again else None) as opened:
            state = os.fstat(opened.fileno())
            if stat.S_ISREG(state.st_mode):
                _refuse_exposed(file, state, opened.fileno())
            elif again:
                raise CredentialUnusable(f"{source} is a pipe, which tells a token once")
            content = opened.read(_LARGEST_FILE + 1)
    except OSError as error:
        _unreadable(source, error)
    if len(content) > _LARGEST_FILE:
        raise CredentialUnusable(
            f"{source} holds more than {_LARGEST_FILE} bytes: it must hold a token, and that alone"
        )
    if not content.isascii():
        raise CredentialUnusable(f"{source} holds other characters than ASCII: write the token into it as plain text")
    return _checked(content.decode("ascii"), source, "write the token into it, and nothing else")


def home_file(environment: Mapping[str, str] | None = None) -> Path | None:
    """Where a user's own token lies, whether there is one or not; None for a user without a home."""
    given = os.environ if environment is None else environment
    folder = Path(given.get("XDG_CONFIG_HOME") or "")
    if not folder.is_absolute():  # As the XDG specification says of relative ones, and of none.
        home = Path(os.path.expanduser("~"))
        if not home.is_absolute():
            return None
        folder = home / ".config"
    return folder / "lrtune" / "token"


def concealed(text: str) -> str:
    """A text, of a stranger say, with no more of any secret in it than its prefix."""
    return _SECRET.sub(r"\1…", text)


def _checked(text: str, source: str, remedy: str) -> Credential:
    secret = text.strip()
    if len(lines := secret.split()) > 1:
        raise CredentialUnusable(f"{source} holds {len(lines)} words where a token is one: {remedy}")
    if (reason := misshapen(secret)) is not None:
        raise CredentialUnusable(f"{source} {reason}; {remedy}")
    return Credential(secret, source)


def _remedy_of_variable(value: str) -> str:
    if "/" in value or "\\" in value:
        return f"to name a file, set {TOKEN_FILE}"
    return f"set {TOKEN} to the token that `lrtune token create` printed"


def _open_again(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # A pipe that nobody writes would be waited for.


def _unreadable(source: str, error: OSError) -> NoReturn:
    why = (error.strerror or type(error).__name__).lower()
    remedy = (
        "make it, or name another" if isinstance(error, FileNotFoundError) else "it must be a file that you can read"
    )
    raise CredentialUnusable(f"the token's file {source} cannot be read ({why}): {remedy}") from None


def _refuse_exposed(file: Path, state: os.stat_result, descriptor: int) -> None:
    if not hasattr(os, "geteuid") or state.st_uid != os.geteuid() or not state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return
    if os.fstatvfs(descriptor).f_flag & os.ST_RDONLY:
        return
    mode = stat.S_IMODE(state.st_mode)
    remedy = f"type `chmod 600 {shlex.quote(str(file))}`"
    raise CredentialUnusable(f"others may read or change the token's file {file} (mode {mode:04o}): {remedy}")
