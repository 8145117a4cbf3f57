"""Schedules written down as code for other libraries, which gives the same rates.

read = read_schedule({"name": "cosine", "warmup_steps": 100})
torch_code(read, base_learning_rate=1e-3, total_steps=1000)   # SequentialLR of LinearLR and CosineAnnealingLR
optax_code(read, base_learning_rate=1e-3, total_steps=1000)   # optax.join_schedules of two
"""

from lrtune.service.rates.schedules.code.optax import optax_code
from lrtune.service.rates.schedules.code.pieces import shortest_form
from lrtune.service.rates.schedules.code.torch import torch_code

__all__ = ["optax_code", "shortest_form", "torch_code"]
