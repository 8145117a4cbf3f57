"""The suggestion for someone who has no study."""

import asyncio

from lrtune.service.rates.starting_rates import starting_rate
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.tuning.history.lookup import remembered
from lrtune.service.tuning.history.recording import ENOUGH_TRIALS, plain_name
from lrtune.service.tuning.suggesting.cold_start import interval_of
from lrtune.service.wire.priors import SuggestionBody
from lrtune.service.wire.studies import Suggestion


async def suggest_without_study(engine: Engine, body: SuggestionBody) -> Suggestion:
    """The suggestion for someone who has no study. Raises StorageUnavailable."""
    engine.check_active()
    optimizer = plain_name(body.optimizer or "")
    prior = await asyncio.to_thread(remembered, engine, optimizer, body.family, body.batch_size, body.total_steps)
    if prior is not None:
        rate, interval, told = prior.median, interval_of(prior), prior.told
    else:
        usual = starting_rate(body.optimizer)
        rate, interval = usual.learning_rate, usual.interval
        told = f"no past study here {_like(body)}; {usual.told}"
    params = {"learning_rate": rate} | ({"optimizer": body.optimizer} if body.optimizer else {})
    return Suggestion.model_validate(
        {
            "learning_rate": rate,
            "interval": interval,
            "max_stable_learning_rate": None,
            "params": params,
            "expected_value": None,
            "basis": "prior",
            "trials": 0,
            "explanation": told,
        }
    )


def _like(body: SuggestionBody) -> str:
    if body.optimizer:
        return f"has {ENOUGH_TRIALS} complete trials with {body.optimizer}"
    return f"is of the family {body.family}" if body.family else "can be compared: name the optimizer"
