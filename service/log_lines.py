"""How the service logs: a line an event, with names and values, on standard error."""

import logging

import optuna
import structlog

LEVELS = ("debug", "info", "warning", "error")


def configure(level: str) -> None:
    """Log from `level` on: `timestamp=… level='info' logger=… event='study deleted' study='digits'`.

    What is given as `extra` of a log call stands behind the event.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "logger", "event"]),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    optuna.logging.disable_default_handler()  # Which has a form of its own.
    optuna.logging.enable_propagation()
    for noisy in ("alembic", "uvicorn.error", "a2wsgi"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
