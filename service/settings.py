"""Settings of the service, read once, from the command line or `LRTUNE_*` environment variables."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a service instance is told. Every field is also an environment variable, `LRTUNE_` and its name."""

    model_config = SettingsConfigDict(env_prefix="LRTUNE_", frozen=True, use_attribute_docstrings=True)

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
    """Whether to serve optuna-dashboard under /optuna/. Whoever reaches it may change studies."""
    optuna_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """The port to serve Optuna's gRPC proxy protocol on, on the same address; 0 takes a free one. Not served where
    left out. Whoever reaches it may change studies."""
    depose_after_seconds: Annotated[float, Field(ge=6)] = 20.0
    """On PostgreSQL a standby takes over from a writer that was stopped or hangs, once it was silent for so long."""
    drawers: Annotated[int, Field(ge=1, le=64)] = 2
    """How many trials are drawn at a time, of different studies: threads. Draws of one study take turns."""
    sampler_timeout_seconds: Annotated[float, Field(gt=0)] = 5.0
    """How long a draw may take. Then its trial is drawn at random, with the reason kept on it."""
