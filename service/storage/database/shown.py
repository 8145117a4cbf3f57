"""A storage URL for people and logs: without its secrets, wherever they stand in it.

Besides the password before the host, a URL may name libpq's connection parameters in its query, secrets among them
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
"""

import re

from sqlalchemy.engine import URL

_MASK = "***"
_SECRET = re.compile(r"pass(?!file)|pwd|secret|token|credential|scram_(client|server)_key", re.IGNORECASE)
"""What a parameter of a secret is called: password, sslpassword, oauth_client_secret, and what drivers may add."""
_SHORT = 6


def is_secret(parameter: str) -> bool:
    """Whether a connection parameter of that name holds a secret."""
    return _SECRET.search(parameter) is not None


def shown(url: URL) -> str:
    """The URL with every secret masked."""
    masked = {name: _MASK if is_secret(name) else value for name, value in url.query.items()}
    return url.set(query=masked).render_as_string(hide_password=True).replace("=%2A%2A%2A", f"={_MASK}")


def without_secrets(text: str, url: URL) -> str:
    """A text, of a driver say, with every secret of the URL masked in it."""
    for secret in sorted(_secrets(url), key=len, reverse=True):
        found = re.escape(secret)
        text = re.sub(found if len(secret) >= _SHORT else rf"(?<!\w){found}(?!\w)", lambda _: _MASK, text)
    return text


def _secrets(url: URL) -> set[str]:
    found = {str(url.password)} if url.password is not None else set()
    for name, value in url.query.items():
        if is_secret(name):
            found.update([value] if isinstance(value, str) else value)
    return found - {""}
