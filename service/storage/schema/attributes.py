"""The names of all attributes that lrtune keeps in Optuna's tables, and of Optuna's own that it relies on.

They are system attributes of a study or a trial; their values are JSON.
"""

from collections.abc import Mapping
from typing import Any

from lrtune.service.wire.base import RESERVED_NAME

# Studies

ID_ATTR = "lrtune:id"
"""Of a study: 32 random hexadecimal digits, which tell it from every other, also from one that is a copy of it."""

DELETED_NAME = f"{RESERVED_NAME}deleted:"
"""How the name of a study begins that was deleted and whose rows are being removed. Nobody is shown such a study."""

DELETED_ATTR = "lrtune:deleted"
"""Of such a study: that lrtune took it away. Another process's study of such a name is no deleted one."""

PRIOR_ATTR = "lrtune:prior"
"""Of a study: by optimizer, what past studies had found when it was created."""

CHOSEN_PRIOR_ATTR = "lrtune:chosen_prior"
"""Of a study: the `prior` that a PATCH put in place of the spec's."""

RANGE_TEST_ATTR = "lrtune:range_test"
"""Of a study: the rate that its range tests recommend."""

CHOSEN_SHORT_TRAININGS_ATTR = "lrtune:chosen_short_trainings"
"""Of a study: the `short_trainings` that a PATCH put in place of the spec's."""

FAILING_ATTR = "lrtune:failing"
"""Of a study: the trials in a row that failed last (`tuning.state.failing`)."""

EXHAUSTED_ATTR = "lrtune:search_space_exhausted"
"""Of a study whose sampler has enumerated all there is."""

IMPORT_ATTR = "lrtune:import"
"""Of a study that is or was imported: from which file, and how far that is."""

# Trials

OUTCOME_ATTR = "lrtune:outcome"
"""How a trial ended, where Optuna's state does not say it: `diverged`, for one."""

EXPLANATION_ATTR = "lrtune:explanation"
"""Why a trial ended as it did, for people."""

LADDER_ATTR = "lrtune:ladder_steps"
"""The length in steps that the ladder gave a trial. Where that is less than the study's `max_steps`, the trial's value
is no full training's and is not to be compared with one."""

PAUSE_AT_ATTR = "lrtune:pause_at"
"""The step at which a trial's latest lease is paused, if it can be."""

AGAIN_ATTR = "lrtune:again"
"""Of a trial that trains another one again from its start: the number of the one it all began with."""

TRAINS_TO_ATTR = "lrtune:trains_to"
"""Until this share of a full training nothing stops the trial but divergence, and from there on it stops at the first
rung that it does not lead. Trials without it are raced."""

WHOLE_ATTR = "lrtune:whole"
"""Of a trial that trains to its end whatever its early ranks, by the final losses of others."""

REPEATS_ATTR = "lrtune:repeats"
"""The number of the trial that this one repeats, a replicate."""

DRAWN_ATTR = "lrtune:drawn"
"""Of a trial that the study's sampler could not draw: what drew it instead (`by`) and why (`reason`)."""

LIFE_ATTR = "lrtune:life"
"""Of a trial that was leased more than once, or is to be: when its leases began and ended, at which workers."""

LAPSED_ATTR = "lrtune:lapsed"
"""Of a trial one of whose leases was not renewed in time: which of its leases that was, counted from 1."""

REQUEST_ATTR = "lrtune:request_id"
"""Of a trial that was enqueued or recorded: the id of the request that made it."""

# Optuna's

DIVERGED_ATTR = "constraints:diverged"
"""A violated Optuna constraint: samplers rank the trial behind every other, and it is never the best."""

METRIC_NAMES_ATTR = "study:metric_names"
"""Of a study: what its objectives are called, as `optuna.Study.set_metric_names` writes it."""

FIXED_ATTR = "fixed_params"
"""Where Optuna keeps the parameters of an enqueued trial; its samplers look for it."""

GENERATION_ATTR = "cma:generation"
"""The generation of CMA-ES that a trial was drawn in. Optuna keeps a pickled optimizer beside it, which nothing here
ever reads."""


_LARGEST = 2**31 - 1


def whole_number(attrs: Mapping[str, Any], name: str) -> int | None:
    """The whole number, 0 or more, of that name; None where there is none, or what another program put in its place."""
    kept = attrs.get(name)
    return kept if type(kept) is int and 0 <= kept <= _LARGEST else None
