"""Settings of the service, read once, from the command line or `LRTUNE_*` environment variables."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "LRTUNE_"
MOST_SAMPLER_SECONDS = 8.0
"""An ask may wait for a thread and for its draw, so long each, after its turn: before a client gives up."""
_HOST = re.compile(r"\*|(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._\-]+)(:[0-9]{1,5})?")


def _read_hosts(given: Any) -> Any:
    """Names, separated by commas where they are one text."""
    hosts = given.split(",") if isinstance(given, str) else given
    hosts = tuple(host.strip() for host in hosts if host.strip())
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} is not a host: write NAME or NAME:PORT, separated by commas, or * for any")
    return hosts


class Settings(BaseSettings):
    """What a service instance is told. Every field is also an environment variable, `LRTUNE_` and its name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True)

    storage: Annotated[str, Field(repr=False)] = "sqlite:///lrtune.db"
    """Where studies live: a SQLite file, or postgresql+psycopg://user:password@host/database."""
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
    dashboard: bool = True
    """Whether to serve optuna-dashboard under /optuna/. It can change studies where the service listens on loopback."""
    dashboard_writes: bool = False
    """Whether the dashboard can change studies beyond loopback, too: whoever reaches it may then."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_read_hosts)] = ()
    """The names under which the service may be asked for, beside loopback names and the address that it listens on."""
    optuna_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """The port to serve Optuna's gRPC proxy protocol on, on the same address; 0 takes a free one. Not served where
    left out. Whoever reaches it may change studies."""
    depose_after_seconds: Annotated[float, Field(ge=6)] = 20.0
    """On PostgreSQL a standby takes over from a writer that was stopped or hangs, having heard nothing for so long."""
    drawers: Annotated[int, Field(ge=1, le=64)] = 2
    """How many trials are drawn at a time, of different studies: threads. Draws of one study take turns."""
    sampler_timeout_seconds: Annotated[float, Field(gt=0, le=MOST_SAMPLER_SECONDS)] = 5.0
    """How long a draw may take. Then its trial is drawn at random, with the reason kept on it."""
