"""Transformers, or why it cannot be had."""

from lrtune.trainers.integrations.extras import absent

try:
    import accelerate  # `Trainer` asks for it when it is used.
    import transformers
except ImportError as error:
    raise absent("huggingface", error) from error

__all__ = ["accelerate", "transformers"]
