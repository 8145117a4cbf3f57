"""Settings of the service, read once, from the command line or `LRTUNE_*` environment variables."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "LRTUNE_"
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

    storage: str = "sqlite:///lrtune.db"
    """Where studies live: a SQLite file, or postgresql+psycopg://user:password@host/database."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """The port to listen on; 0 takes a free one."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    """Larger request bodies are refused with 413."""
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
    """On PostgreSQL a standby takes over from a writer that was stopped or hangs, once it was silent for so long."""
