"""Keras 3 on its torch backend: a callback that reports, a range test of a compiled model, schedules.

`framework` is where Keras is imported, and `variables` how a compiled model is kept and put back.
"""

from lrtune.trainers.integrations.keras import framework as framework  # First: it says what is not installed.
