"""Accelerate, or why it cannot be had."""

from lrtune.trainers.integrations.extras import absent

try:
    import accelerate
    import accelerate.utils
except ImportError as error:
    raise absent("accelerate", error) from error

__all__ = ["accelerate"]
