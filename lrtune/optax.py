"""optax with lrtune: `pip install 'lrtune[optax]'`."""

from lrtune.trainers.integrations.optax import schedule

__all__ = ["schedule"]
