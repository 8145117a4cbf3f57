"""What was enqueued for a trial: Optuna's attribute, which any script may write."""

from typing import Any

from lrtune.service.storage.memory.trial import TrialMirror
from lrtune.service.storage.schema.attributes import FIXED_ATTR


def fixed_params(trial: TrialMirror) -> dict[str, Any]:
    """The parameters that were enqueued, by name; none where another process left something else there."""
    found = trial.system_attrs.get(FIXED_ATTR)
    return {str(name): value for name, value in found.items()} if isinstance(found, dict) else {}
