"""Whose certificates are trusted: the system's, and those of LRTUNE_CA_FILE besides."""

import os
import ssl

import httpx2

from lrtune.trainers.errors import LrtuneError, ServiceUnreachable

CA_FILE = "LRTUNE_CA_FILE"

_PERHAPS_TLS = ("disconnected without sending a response", "connection reset", "illegal request line")
"""How a port that serves TLS answers plain http: it closes, or sends an alert that is no HTTP."""


def tls_context(server: str, *, trust_env: bool) -> ssl.SSLContext | bool:
    """For `verify` of the HTTP client. Raises LrtuneError where LRTUNE_CA_FILE holds no certificate.

    `trust_env`: SSL_CERT_FILE and SSL_CERT_DIR hold in place of the system's certificates, as elsewhere.
    """
    file = os.environ.get(CA_FILE)
    if not file or not server.startswith("https:"):
        return True
    context = httpx2.create_ssl_context(trust_env=trust_env)
    try:
        context.load_verify_locations(cafile=file)
    except (OSError, ssl.SSLError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        raise LrtuneError(
            f"{CA_FILE} names {file}, which cannot be used ({why}): name a file of certificates in PEM"
        ) from None
    return context


def advise_of_tls(error: ServiceUnreachable) -> ServiceUnreachable:
    """The error, with what to do where the service's certificate is not trusted, or one side speaks TLS alone."""
    text = str(error).lower()
    if error.url.startswith("http:") and any(sign in text for sign in _PERHAPS_TLS):
        error.advise(f"or it serves https: then the address is {error.url.replace('http:', 'https:', 1)}")
    if error.url.startswith("https:") and "wrong version number" in text:
        error.advise(f"or it serves http, not https: then the address is {error.url.replace('https:', 'http:', 1)}")
    if "certificate verify failed" in str(error) and not os.environ.get(CA_FILE):
        error.advise(
            f"where its certificate is of an authority of your own, set {CA_FILE} to that authority's certificate"
        )
    return error
