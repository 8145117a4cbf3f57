"""A certificate and the key that belongs to it."""

import contextlib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

_FIRST = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_ENDED = {9: "is not valid yet", 10: "has expired"}  # OpenSSL's X509_V_ERR_…
_ROUNDS = 4


class CertificateUnusable(Exception):
    """Why a certificate or its key cannot be used, and what to do."""


@dataclass(frozen=True)
class Pair:
    """Certificate with chain and key, as they stand in PEM, and ready for use."""

    certificate: bytes
    key: bytes = field(repr=False)
    context: ssl.SSLContext = field(repr=False, compare=False)

    def ended(self) -> str | None:
        """How it comes that the certificate does not hold now; None where it does. Raises CertificateUnusable where
        nobody who is as we are could connect."""
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname = False
        trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        leaf = _FIRST.search(self.certificate)
        assert leaf is not None
        trusting.load_verify_locations(cadata=leaf[0].decode("ascii"))
        try:
            shake_hands(trusting, self.context)
        except ssl.SSLCertVerificationError as error:
            return _ENDED.get(error.verify_code)
        except ssl.SSLError as error:
            raise CertificateUnusable(
                f"no client can connect with the certificate ({error.reason or error}): take one with a key of RSA "
                "or on the curve prime256v1"
            ) from error
        return None


def shake_hands(client_context: ssl.SSLContext, server_context: ssl.SSLContext) -> ssl.SSLObject:
    """The client's side of a connection in memory between the two. Raises ssl.SSLError."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(down, up)
    server = server_context.wrap_bio(up, down, server_side=True)
    for _ in range(_ROUNDS):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return client


def tls_context() -> ssl.SSLContext:
    """TLS 1.2 or newer, for HTTP/1.1; without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def read_pair(certificate: Path, key: Path) -> Pair:
    """The pair in these files. Raises CertificateUnusable."""
    before = _bytes(certificate), _bytes(key)
    context = tls_context()
    try:
        context.load_cert_chain(certificate, key, _passphrase(key))
    except (ssl.SSLError, OSError, ValueError) as error:
        raise CertificateUnusable(_why(certificate, key, before, error)) from error
    if (_bytes(certificate), _bytes(key)) != before:
        raise CertificateUnusable(f"{certificate} and {key} are just being changed")
    return Pair(*before, context)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateUnusable(f"{path} cannot be read: {error.strerror}; check --certificate and --key") from error


def _passphrase(key: Path) -> Callable[[], str]:
    """What OpenSSL calls, which would ask at the terminal else."""

    def refuse() -> NoReturn:
        raise CertificateUnusable(
            f"the private key in {key} is encrypted, and nobody is there to ask for its passphrase: write it without "
            f"one, `openssl pkey -in {key} -out FILE`, readable by the service alone"
        )

    return refuse


def _why(certificate: Path, key: Path, found: tuple[bytes, bytes], error: Exception) -> str:
    if not _FIRST.search(found[0]):
        return f"{certificate} holds no certificate in PEM (-----BEGIN CERTIFICATE-----); check --certificate"
    if b"PRIVATE KEY-----" not in found[1]:
        return f"{key} holds no private key in PEM (-----BEGIN PRIVATE KEY-----); check --key"
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"the private key in {key} does not belong to the certificate in {certificate}: name those of one pair"
    return f"{certificate} with {key} cannot be used: {getattr(error, 'reason', None) or error}"
