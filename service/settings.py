"""Settings of the service, read once, from the command line or `LRTUNE_*` environment variables."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode, SettingsConfigDict

from lrtune.service.access.files.scraping import checked, read_secret
from lrtune.service.limit_settings import LimitSettings
from lrtune.service.log_lines import Form

PREFIX = "LRTUNE_"
MOST_SAMPLER_SECONDS = 8.0
"""An ask may wait for a thread and for its draw, so long each, after its turn: before a client gives up."""
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9\-._~]+)+", re.ASCII)
_HOST = re.compile(r"\*|(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._\-]+)(:[0-9]{1,5})?")


def _read_hosts(given: Any) -> Any:
    """Names, separated by commas where they are one text."""
    hosts = given.split(",") if isinstance(given, str) else given
    hosts = tuple(host.strip() for host in hosts if host.strip())
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} is not a host: write NAME or NAME:PORT, separated by commas, or * for any")
    return hosts


def _read_proxies(given: Any) -> Any:
    """Networks and addresses, separated by commas where they are one text."""
    proxies = given.split(",") if isinstance(given, str) else given
    proxies = tuple(proxy.strip() for proxy in proxies if proxy.strip())
    for proxy in proxies:
        try:
            ip_network(proxy)
        except ValueError:
            raise ValueError(
                f"{proxy!r} is no network: write the addresses of your proxies as 10.0.0.7 or 10.0.0.0/8, separated "
                "by commas"
            ) from None
    return proxies


def _read_path(given: Any) -> Any:
    """A path without a slash at its end; empty where it is the root."""
    path = given.strip().rstrip("/") if isinstance(given, str) else given
    if isinstance(path, str) and path and not _PATH.fullmatch(path):
        raise ValueError(f"{given!r} is no path: write it as /lrtune, of letters, digits and -._~")
    return path


def _check_endpoint(endpoint: str | None) -> str | None:
    if not endpoint:  # A variable that docker-compose.yml passes on, and that nobody set.
        return None
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise ValueError(
            "this is no address of a collector: write it as http://collector:4318, and secrets into "
            "OTEL_EXPORTER_OTLP_HEADERS"
        )
    return endpoint


def _check_address(address: str | None) -> str | None:
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("this is no address of a service: write it as http://10.0.0.5:8080")
    return address.rstrip("/")


def _check_secret(secret: SecretStr) -> SecretStr:
    checked(secret.get_secret_value())
    return secret


def _check_secret_file(file: Path) -> Path:
    read_secret(file)
    return file


class Settings(LimitSettings):
    """What a service instance is told. Every field is also an environment variable, `LRTUNE_` and its name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True)

    storage: Annotated[str, Field(repr=False)] = "sqlite:///lrtune.db"
    """Where studies live: a SQLite file, or postgresql://user:password@host/database."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """The port to listen on; 0 takes a free one."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    """Larger request bodies are refused with 413."""
    max_bodies_bytes: Annotated[int, Field(ge=1_048_576)] = 268_435_456
    """The bodies of all requests under way may come to so much; beyond it one over 64 KiB is refused with 503."""
    max_head_bytes: Annotated[int, Field(ge=1024)] = 65_536
    """Larger heads (request line and headers), and larger trailers, are refused with 431."""
    max_connections: Annotated[int, Field(ge=16)] = 4096
    """So many connections are open at most. A new one takes the place of one that idles, or is refused with 503."""
    head_timeout_seconds: Annotated[float, Field(ge=1)] = 15.0
    """A request's head must be there so long after its first byte; else 408."""
    body_timeout_seconds: Annotated[float, Field(ge=1)] = 30.0
    """A request's body may stand still for so long, and so may an answer that is read; else 408, and closed."""
    idle_timeout_seconds: Annotated[float, Field(ge=1)] = 75.0
    """A connection without a request is closed after so long."""
    log_level: str = "info"
    """debug, info, warning or error."""
    log_format: Form = "text"
    """text or json: how a line of the log is written."""
    access_log: bool = False
    """Whether the log has a line for every request."""
    otlp_endpoint: Annotated[str | None, AfterValidator(_check_endpoint)] = None
    """Where to send traces: a collector of OpenTelemetry, by OTLP over HTTP. Needs the extra `otel`."""
    dashboard: bool = False
    """Whether to serve optuna-dashboard under /optuna/, too. An admin for all studies changes them there. Without
    tokens, whoever reaches it does, where the service listens on loopback."""
    dashboard_writes: bool = False
    """Whether, without tokens, whoever reaches the dashboard changes studies beyond loopback, too."""
    insecure: bool = False
    """Whether to serve everybody where others reach the service and there is no token; else it does not start."""
    admin_token_file: Path | None = None
    """A file with the secret of a token that is to be there: an admin's, of all studies."""
    worker_token_file: Path | None = None
    """The same for workers: a token that leases and reports in all studies, and can do no more."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_read_hosts)] = ()
    """The names under which the service may be asked for, beside loopback names and the address that it listens on."""
    root_path: Annotated[str, BeforeValidator(_read_path)] = ""
    """The path under which a proxy shows the service, /lrtune say, whether it takes it off or not."""
    proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_read_proxies)] = ()
    """Proxies before the service, by address or network: they alone are believed whom they forward for."""
    certificate: Path | None = None
    """The certificate to serve https with, in PEM, the chain behind it. Read again when it changes."""
    key: Path | None = None
    """The certificate's private key, in PEM; where it is left out, it stands in the certificate's file."""
    optuna_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """The port to serve Optuna's gRPC proxy protocol on, on the same address; 0 takes a free one. Not served where
    left out. Where there are tokens, it asks for them, too."""
    metrics_token: Annotated[SecretStr, AfterValidator(_check_secret)] | None = None
    """A secret that opens /metrics and nothing else, for Prometheus: where there are tokens, it needs none of them."""
    metrics_token_file: Annotated[Path, AfterValidator(_check_secret_file)] | None = None
    """The same from a file, which is read anew where it was changed."""
    backups: Path | None = None
    """A folder in which backups of the database lie, *.backup: /metrics tells how old the latest is."""
    audit_days: Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)] = 365
    """What was done to studies and tokens is kept so many days; 0: for ever."""
    depose_after_seconds: Annotated[float, Field(ge=6)] = 20.0
    """On PostgreSQL a standby takes over from a writer that was stopped or hangs, having heard nothing for so long."""
    advertise: Annotated[str | None, AfterValidator(_check_address)] = None
    """The address under which other processes of the service reach this one, http://10.0.0.5:8080 say. With it, studies
    of a PostgreSQL database are shared out among all processes that have one; else one serves, and others stand by."""
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    """How many processes serve on the port. More than one share the studies of a PostgreSQL database, and each listens
    at a port of its own, too: those that follow on `port`."""
    drawers: Annotated[int, Field(ge=1, le=64)] = 2
    """How many trials are drawn at a time, of different studies: threads. Draws of one study take turns."""
    sampler_timeout_seconds: Annotated[float, Field(gt=0, le=MOST_SAMPLER_SECONDS)] = 5.0
    """How long a draw may take. Then its trial is drawn at random, with the reason kept on it."""
