"""How workers reach the service: its address and the token, as the machines where they run need them."""

import os
from collections.abc import Mapping
from pathlib import Path

import httpx2

from lrtune.service.wire.access.credentials import (
    TOKEN,
    TOKEN_FILE,
    Credential,
    CredentialUnusable,
    find_credential,
    home_file,
)
from lrtune.trainers.client.http.authorization import is_loopback
from lrtune.trainers.client.local.connection import is_local
from lrtune.trainers.errors import LaunchError

SERVER = "LRTUNE_SERVER"
CA_FILE = "LRTUNE_CA_FILE"
_ANY_ADDRESS = ("0.0.0.0", "::", "[::]")


def check_served(server: str) -> None:
    """Raises LaunchError where the address is a file, which is for one process."""
    if is_local(server):
        raise LaunchError(
            f"--server: {server} is a file for one process; have `lrtune serve` serve it, and name its address"
        )


def check_reachable(server: str, where: str) -> None:
    """Raises LaunchError where the address leads workers that run elsewhere to their own machines."""
    host = httpx2.URL(server).host
    if is_loopback(host) or host in _ANY_ADDRESS:
        raise LaunchError(
            f"--server: {server} is this machine's own, which workers {where} do not reach; start the service with a "
            "token and --host 0.0.0.0, and name it by the address that they see: --server http://HOST:PORT"
        )


def credential() -> Credential | None:
    """The token that workers are to show, which is the one that this process would. Raises LaunchError."""
    try:
        return find_credential()
    except CredentialUnusable as error:
        raise LaunchError(str(error)) from None


def credential_file() -> Path | None:
    """The file that it comes from; None where it comes from a variable, or where there is none."""
    if os.environ.get(TOKEN):
        return None
    if name := os.environ.get(TOKEN_FILE):
        return Path(name).expanduser().absolute()
    file = home_file()
    return file if file is not None and os.path.lexists(file) else None


def environment(server: str, token: Mapping[str, str]) -> dict[str, str]:
    """What a worker is told: the address, the token as a variable or the name of its file, and whom to trust."""
    trusted = {CA_FILE: os.environ[CA_FILE]} if os.environ.get(CA_FILE) else {}
    return {SERVER: server, **trusted, **token}


def token_here() -> dict[str, str]:
    """For processes of this machine: its file, which may be written anew meanwhile, else the variable."""
    found = credential()
    if found is None:
        return {}
    file = credential_file()
    return {TOKEN: found.secret} if file is None else {TOKEN_FILE: str(file)}


def token_elsewhere(file: str | None = None) -> dict[str, str]:
    """For processes of other machines: the token itself, unless `file` names one that is there."""
    if file is not None:
        return {TOKEN_FILE: file}
    found = credential()
    return {} if found is None else {TOKEN: found.secret}


def token_in(folder: Path) -> dict[str, str]:
    """For processes of machines that share `folder`: the token's file, or one made there that its owner alone reads."""
    file = credential_file()
    if file is None and (found := credential()) is not None:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder.absolute() / "token"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            os.fchmod(descriptor, 0o600)
            opened.write(found.secret)
    return {} if file is None else {TOKEN_FILE: str(file)}
