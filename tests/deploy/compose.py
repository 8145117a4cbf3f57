"""docker-compose.yml as Docker would read it, to run its commands as plain processes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<text>[^}]*))?\})")


class MissingVariable(Exception):
    """A variable that the file requires is not set: Docker stops here with the file's own message."""


def interpolate(value: Any, environ: Mapping[str, str]) -> Any:
    """Fill in the variables as the compose specification does, in every text of a parsed file."""
    if isinstance(value, dict):
        return {key: interpolate(one, environ) for key, one in value.items()}
    if isinstance(value, list):
        return [interpolate(one, environ) for one in value]
    if not isinstance(value, str):
        return value

    def filled(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        if found := environ.get(match["name"], ""):
            return found
        if match["operator"] == ":?":
            raise MissingVariable(f"{match['name']}: {match['text']}")
        return match["text"] or ""

    return _VARIABLE.sub(filled, value)


def load(**environ: str) -> dict[str, Any]:
    """The file's services by name, variables filled in."""
    services: dict[str, Any] = interpolate(document(), environ)["services"]
    return services


def document() -> dict[str, Any]:
    """The whole file, variables as they are written."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
    return found


def secrets() -> dict[str, Any]:
    """The file's secrets by name."""
    found: dict[str, Any] = document()["secrets"]
    return found


def health_command(service: Mapping[str, Any]) -> list[str]:
    kind, *command = service["healthcheck"]["test"]
    assert kind == "CMD"
    return command


def grace_seconds(service: Mapping[str, Any]) -> float:
    period: str = service["stop_grace_period"]
    return float(period[:-1]) * {"s": 1, "m": 60}[period[-1]]
