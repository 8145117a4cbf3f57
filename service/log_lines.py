"""How the service logs: a line an event, with names and values, on standard error."""

import logging
from collections.abc import MutableMapping
from typing import Any, Literal

import optuna
import structlog

from lrtune.service.request_context import ACCESS_LOGGER, add_ids

LEVELS = ("debug", "info", "warning", "error")
Form = Literal["text", "json"]
_FIRST = ["timestamp", "level", "logger", "event"]


def configure(level: str, form: Form = "text", *, access: bool = False) -> None:
    """Log from `level` on: `timestamp=… level='info' logger=… event='study deleted' study='digits'`, or the same as an
    object of JSON.

    What is given as `extra` of a log call stands behind the event, and so do the ids of the request for which it is
    said. With `access` there is a line for each request, whatever the level.
    """
    render = structlog.processors.JSONRenderer if form == "json" else structlog.processors.KeyValueRenderer
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_ids,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _first_things_first,
            render(),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    optuna.logging.disable_default_handler()  # Which has a form of its own.
    optuna.logging.enable_propagation()
    for noisy in ("alembic", "uvicorn.error", "a2wsgi"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger(ACCESS_LOGGER).setLevel(logging.INFO if access else logging.NOTSET)


def _first_things_first(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {name: event.pop(name) for name in _FIRST if name in event} | dict(event)
