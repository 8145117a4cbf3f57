"""The secret by which Prometheus comes in, which opens `/metrics` and nothing else."""

import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from pathlib import Path

_log = logging.getLogger(__name__)

LEAST_CHARACTERS = 16
_LARGEST_FILE = 4096
_LOOK_SECONDS = 1.0


class SecretUnusable(ValueError):
    """Why a text, or a file, is no secret to come in by; without a word of it."""


class ScrapingSecret:
    """A secret that was given, or that stands in a file, which is read anew where it was changed."""

    def __init__(
        self, given: str | None = None, file: Path | None = None, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._digests = {} if given is None else {"given": _digest(given.strip().encode())}
        self._file = file
        self._elapsed = elapsed
        self._looked_at: float | None = None
        self._state: tuple[int, ...] = ()
        self._refused = ""

    def opens(self, shown: bytes) -> bool:
        """Whether this is the secret; how long that takes tells nothing of it."""
        self._look()
        digest = _digest(shown)
        return True in [hmac.compare_digest(digest, known) for known in self._digests.values()]

    def _look(self) -> None:
        if self._file is None:
            return
        now = self._elapsed()
        if self._looked_at is not None and now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        try:
            found = self._file.stat()
            state = (found.st_ino, found.st_mtime_ns, found.st_size)
            if state != self._state:
                self._digests["file"] = _digest(read_secret(self._file).encode())
                self._state, self._refused = state, ""
        except (OSError, SecretUnusable) as error:
            self._note(str(error))

    def _note(self, why: str) -> None:
        if why != self._refused:
            _log.warning("the secret for /metrics cannot be read anew, and stays as it was: %s", why)
        self._refused = why


def read_secret(file: Path) -> str:
    """The secret in a file, without the white space around it. Raises SecretUnusable."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise SecretUnusable(f"{file} cannot be read: {(error.strerror or type(error).__name__).lower()}") from None
    if len(content) > _LARGEST_FILE:
        raise SecretUnusable(f"{file} holds more than {_LARGEST_FILE} bytes: it must hold the secret, and that alone")
    try:
        return checked(content.decode("ascii"))
    except ValueError as error:
        why = str(error) if isinstance(error, SecretUnusable) else "it holds other characters than ASCII"
        raise SecretUnusable(f"{file}: {why}") from None


def checked(text: str) -> str:
    """The text without the white space around it, where it may be a secret. Raises SecretUnusable."""
    secret = text.strip()
    if len(secret) < LEAST_CHARACTERS:
        raise SecretUnusable(f"at least {LEAST_CHARACTERS} characters are needed; `openssl rand -hex 32` prints some")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise SecretUnusable("write one word of ASCII; `openssl rand -hex 32` prints one")
    return secret


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
