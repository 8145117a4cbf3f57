"""fastai, or why it cannot be had. Of it only what knows no images and no words, which need packages of their own."""

from lrtune.trainers.integrations.extras import absent

try:
    from fastai.callback.core import Callback, CancelFitException, CancelValidException
    from fastai.torch_core import num_distrib, to_device
except ImportError as error:
    raise absent("fastai", error) from error

__all__ = ["Callback", "CancelFitException", "CancelValidException", "num_distrib", "to_device"]
