"""Where the service listens, and whether it may: what is looked at before anybody can reach it."""

import errno
import shlex
import socket
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from lrtune.service.access.files import tokens as from_file
from lrtune.service.connections.addresses import address_of, reaches_others
from lrtune.service.settings import Settings
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.read_only import shown
from lrtune.service.storage.sql.reading.tokens import any_tokens


class CannotServe(Exception):
    """Why the service does not start, or does not go on; `exit_code` is the process's."""

    def __init__(self, reason: str, exit_code: int = 1) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


def checked(settings: Settings) -> Settings:
    """The settings, with `insecure` where that is what the service will be: others reach it, and nothing is asked.

    Raises CannotServe where others would reach a service that has no token, and nobody said that they may; and where a
    file with a token is of no use.
    """
    try:
        wanted = from_file.wanted_tokens(settings.admin_token_file, settings.worker_token_file)
        there = _has_tokens(settings.storage, wanted) or settings.admin_token_file is not None
        address_of(settings.host)
    except from_file.TokenFileInvalid as error:
        raise CannotServe(str(error), 2) from error
    except OSError as error:
        raise _cannot_listen(settings.host, settings.port, error) from error
    insecure = _reached(settings) is not None and not there
    if insecure and not settings.insecure:
        raise CannotServe(_why_not(settings), 2)
    return settings.model_copy(update={"insecure": insecure})


def check_sharing(settings: Settings) -> None:
    """Raise CannotServe where the settings offer what only a process that serves every study can."""
    if settings.advertise is None:
        return
    for option, given in (("--dashboard", settings.dashboard), ("--optuna-port", settings.optuna_port is not None)):
        if given:
            raise CannotServe(
                f"{option} and --advertise (LRTUNE_ADVERTISE) exclude each other, since each process serves some "
                f"of the studies only: leave {option} out, and point Optuna's scripts and optuna-dashboard at the "
                "database itself, which the service notices",
                2,
            )


def advertised(settings: Settings, bound: socket.socket) -> Settings:
    """The settings, with the port that was taken where they advertise port 0."""
    if settings.advertise is None or urlsplit(settings.advertise).port != 0:
        return settings
    port = bound.getsockname()[1]
    return settings.model_copy(update={"advertise": f"{settings.advertise.removesuffix(':0')}:{port}"})


def always_asks(settings: Settings) -> bool:
    """Whether a token is asked for even where there is none; of settings that were `checked`."""
    return settings.admin_token_file is not None or (_reached(settings) is not None and not settings.insecure)


def _reached(settings: Settings) -> str | None:
    """How others reach the service; None where nobody does."""
    address = address_of(settings.host)
    if reaches_others(address):
        return address if address == settings.host else f"{settings.host} ({address})".lstrip()
    if settings.proxies or settings.root_path:
        return "it through a proxy (--proxies, --root-path)"
    return None


def warnings(asked: Settings, is_insecure: bool) -> list[str]:
    """What to say loudly at every start of a service that was told to be `--insecure`, and `is_insecure` or not."""
    if not asked.insecure:
        return []
    if not is_insecure:
        return ["--insecure (LRTUNE_INSECURE) changes nothing here: leave it out"]
    return [
        f"INSECURE: whoever reaches {_reached(asked)} may read, change and delete every study, since there is no token "
        f"and --insecure (LRTUNE_INSECURE) was given. Make a token with {first_token(asked)}"
    ]


def first_token(settings: Settings) -> str:
    """The command that makes the first token of this database. It shows no password."""
    command = ["lrtune", "token", "create", "--role", "admin", "--offline"]
    storage = settings.storage
    if storage == Settings.model_fields["storage"].default:
        return f"`{shlex.join(command)}`"
    if shown(storage) == storage:
        return f"`{shlex.join([*command, '--storage', storage])}`"
    return f"`LRTUNE_STORAGE={shlex.quote(shown(storage))} {shlex.join(command)}` (with the secret in place of ***)"


def _has_tokens(storage: str, wanted: Sequence[from_file.WantedToken]) -> bool:
    database = Database(storage)
    try:
        with database.read() as connection:
            there = any_tokens(connection)
            if there:
                from_file.check(connection, wanted, time.time())
            return there
    finally:
        database.close()


def _why_not(settings: Settings) -> str:
    alone = "listen on this machine alone (--host 127.0.0.1)"
    if not reaches_others(address_of(settings.host)):  # It does that already.
        alone = "serve this machine alone (without --proxies and --root-path)"
    return (
        f"not started: other machines reach {_reached(settings)}, and the database {shown(settings.storage)} has no "
        f"token, so whoever came could change every study. Make a token with {first_token(settings)} and start again; "
        "or name a file that holds one (--admin-token-file, LRTUNE_ADMIN_TOKEN_FILE), "
        f"{alone}, or let everybody in (--insecure, LRTUNE_INSECURE=true)"
    )


def listen(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """A socket bound to the address that `host` means. Raises CannotServe where it cannot be had."""
    try:
        address = address_of(host)
    except OSError as error:
        raise _cannot_listen(host, port, error, option) from error
    bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        raise _cannot_listen(host, port, error, option) from error
    bound.set_inheritable(False)
    return bound


def _cannot_listen(host: str, port: int, error: OSError, option: str = "--port") -> CannotServe:
    if error.errno == errno.EADDRINUSE:
        return CannotServe(f"port {port} on {host} is in use: stop what listens there, or take another with {option}")
    return CannotServe(f"cannot listen on {host}:{port}: {error.strerror or error}; check --host and {option}")
