"""Lightning, or why it cannot be had."""

from lrtune.trainers.integrations.extras import absent

try:
    import lightning
    import torchmetrics
except ImportError as error:
    raise absent("lightning", error) from error

__all__ = ["lightning", "torchmetrics"]
