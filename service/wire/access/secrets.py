"""The secret of a token: how it looks, and what is kept and shown of it."""

import hashlib
import re
import secrets

MARK = "lrt_"
"""How every secret begins, so that it is known for what it is wherever it turns up."""

LENGTH = 47
PREFIX_LENGTH = 12
"""So much of it is shown, to tell tokens apart; 208 random bits are not."""

_BYTES = 32
_SHAPE = re.compile(r"lrt_[A-Za-z0-9_-]{43}", re.ASCII)


def new_secret() -> str:
    """256 random bits, `lrt_` before them."""
    return MARK + secrets.token_urlsafe(_BYTES)


def digest_of(secret: bytes) -> str:
    """Its SHA-256 in hexadecimal: what is kept, and what it is looked up by.

    No salt and no slow hash: nobody guesses 256 random bits. How long a look takes tells nothing either, for who does
    not know a secret cannot choose how its digest begins.
    """
    return hashlib.sha256(secret).hexdigest()


def prefix_of(secret: str) -> str:
    """What is shown of it."""
    return secret[:PREFIX_LENGTH]


def misshapen(secret: str) -> str | None:
    """Why this cannot be a secret, without a word of it; None where it may be one."""
    if _SHAPE.fullmatch(secret):
        return None
    if not secret:
        return "is empty"
    if not secret.startswith(MARK):
        return f"does not begin with {MARK}: it is no token of lrtune"
    if len(secret) != LENGTH:
        cut = "it was cut off" if len(secret) < LENGTH else "there is more than the token"
        return f"has {len(secret):,} characters, where a token has {LENGTH}: {cut}"
    return "has other characters than letters, digits, - and _"


def holds_secret(text: bytes) -> bool:
    """Whether a secret stands somewhere in the text."""
    return MARK.encode() in text and _ANYWHERE.search(text) is not None


_ANYWHERE = re.compile(rb"lrt_[A-Za-z0-9_-]{43}")
