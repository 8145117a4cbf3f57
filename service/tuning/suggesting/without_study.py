"""The suggestion for someone who has no study."""

import asyncio

from lrtune.service.rates.starting_rates import starting_rate
from lrtune.service.sentences.beforehand import no_history
from lrtune.service.sentences.words import paragraph
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.sql.reading.past_rates import Shown, every_study
from lrtune.service.tuning.history.lookup import remembered
from lrtune.service.tuning.history.recording import ENOUGH_TRIALS, plain_name
from lrtune.service.tuning.suggesting.answers.cold_start import interval_of
from lrtune.service.wire.priors import SuggestionBody
from lrtune.service.wire.studies import Suggestion


async def suggest_without_study(engine: Engine, body: SuggestionBody, shown: Shown = every_study) -> Suggestion:
    """The suggestion for someone who has no study, from those that are to be `shown`. Raises StorageUnavailable."""
    engine.check_active()
    optimizer = plain_name(body.optimizer or "")
    prior = await asyncio.to_thread(
        remembered, engine, optimizer, body.family, body.batch_size, body.total_steps, shown=shown
    )
    if prior is not None:
        rate, interval, told = prior.median, interval_of(prior), paragraph([prior.told])
    else:
        usual = starting_rate(body.optimizer, body.family)
        rate, interval = usual.learning_rate, usual.interval
        told = paragraph([no_history(body.optimizer, body.family, ENOUGH_TRIALS), usual.told])
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
