"""Addresses to listen on: what a name means, and who can reach it."""

import functools
import socket
from ipaddress import ip_address

_ANY = "0.0.0.0"


@functools.cache
def address_of(host: str) -> str:
    """The IP address that listening on `host` means: itself, or what the name stands for, IPv4 before IPv6.

    The same for the whole life of the process, so that what was judged is what is listened on. Raises OSError where
    nobody knows the name.
    """
    if not host:
        return _ANY
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    assert family in (socket.AF_INET, socket.AF_INET6)
    return str(address[0])


def reaches_others(address: str) -> bool:
    """Whether other machines can reach who listens on this IP address."""
    return not ip_address(address).is_loopback
