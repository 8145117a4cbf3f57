"""The service's certificate and its key: read when it starts, and again when they were renewed."""

import asyncio
import logging
import ssl
import stat
from pathlib import Path

from lrtune.service.connections.pairs import CertificateUnusable, Pair, read_pair, tls_context

_log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often the files are looked at."""


class Certificates:
    """The pair in two files, or in one, where `key` is left out. Raises CertificateUnusable where it cannot be used.

    `context` stays the same for as long as the service runs, and gives each who connects the pair that was read last;
    connections that are there go on with theirs. A new pair that cannot be used is not taken.
    """

    def __init__(self, certificate: Path, key: Path | None = None) -> None:
        self._certificate = certificate
        self._key = key or certificate
        self.pair = read_pair(self._certificate, self._key)
        self.pair.ended()
        self.context = tls_context()
        self.context.sni_callback = self._choose
        self._refused = self._said = ""

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """OpenSSL's, at every handshake, whether the client names a server or not."""
        connection.context = self.pair.context

    def _read(self) -> Pair:
        """The pair in the files, tried out where it is a new one. Raises CertificateUnusable."""
        pair = read_pair(self._certificate, self._key)
        if pair != self.pair:
            pair.ended()
        return pair

    def concerns(self) -> list[str]:
        """What keeps nobody from using them, and is not right all the same."""
        found: list[str] = []
        if _is_open_to_all(self._key):
            found.append(
                f"the private key in {self._key} can be read by every user of this machine: chmod o= {self._key}"
            )
        ended = self.pair.ended()
        if ended is not None:
            found.append(f"the certificate in {self._certificate} {ended}, and clients refuse it: renew it")
        return found

    def look(self) -> None:
        """Take a new pair, if there is one. Why one cannot be used is logged once, and where it stays so: while it is
        renewed, certificate and key do not belong together for a moment."""
        try:
            pair = self._read()
        except CertificateUnusable as error:
            self._note(str(error))
            return
        self._refused = self._said = ""
        if pair != self.pair:
            self.pair = pair
            _log.info("the certificate was read anew", extra={"certificate": str(self._certificate)})
            for concern in self.concerns():
                _log.warning(concern)

    def _note(self, why: str) -> None:
        if why == self._refused and why != self._said:
            self._said = why
            _log.warning("the new certificate cannot be used, the one before is kept: %s", why)
        self._refused = why

    async def keep_looking(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.look)


def _is_open_to_all(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IRWXO)
    except OSError:  # It was just moved, and is looked at again soon.
        return False
