"""Studies: creating, finding, changing, listing and deleting them."""

import asyncio
from typing import Any

from optuna.study import StudyDirection

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageUnavailable, StudyMissing, StudyNameTaken, StudyUnreadable
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.schema.attributes import CHOSEN_PRIOR_ATTR, CHOSEN_SHORT_TRAININGS_ATTR, PRIOR_ATTR
from lrtune.service.tuning.errors import InvalidField, StudyExists, StudyNotFound
from lrtune.service.tuning.fidelity.short_trainings import short_trainings_of
from lrtune.service.tuning.history.lookup import remember
from lrtune.service.tuning.sampling.samplers import check_sampler
from lrtune.service.tuning.state.rate_prior import prior_of
from lrtune.service.tuning.state.spec_differences import differences_text
from lrtune.service.wire.studies import NewStudy, StudyPatch, StudySpec

_DIRECTIONS = {"minimize": StudyDirection.MINIMIZE, "maximize": StudyDirection.MAXIMIZE}
_NOT_COMPARED = {"name", "description", "if_exists"}


class Studies:
    """The studies of one storage engine. All methods are for the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, name: str) -> StudyMirror:
        """The study of that name. Raises StudyNotFound, StudyUnreadable."""
        try:
            study = self._engine.resident(name)
            if study is None:
                study = await asyncio.to_thread(self._engine.load_name, name)
        except StudyMissing:
            raise StudyNotFound(name) from None
        if study.spec is None:
            raise StudyNotFound(name)
        return study

    async def settled(self, study: StudyMirror) -> None:
        """Wait until what the mirror shows of the study is on disk. Raises StorageUnavailable."""
        batch = self._engine.pending(study)
        if batch is not None:
            await batch.wait_async()
        if not study.alive:
            self._engine.check_active()
            raise StorageUnavailable(f"study {study.name} is being read anew; try again", retry_after_seconds=0.1)

    async def create(self, body: NewStudy) -> tuple[StudyMirror, bool]:
        """Create a study; return it and whether it is new. Raises StudyExists, InvalidField."""
        spec = StudySpec.model_validate(body.model_dump(exclude={"if_exists"}))
        check_sampler(spec)
        remembered = await asyncio.to_thread(remember, self._engine, spec)
        try:
            with self._engine.lock:
                study = self._engine.new_study(spec.name, [_DIRECTIONS[spec.direction]])
                with self._engine.change(study) as change:
                    change.create_study(spec)
                    if remembered:
                        change.set_study_attr(PRIOR_ATTR, remembered, system=True)
        except StudyNameTaken:
            return await self._existing(body), False
        await change.on_disk()
        return study, True

    async def _existing(self, body: NewStudy) -> StudyMirror:
        if body.if_exists == "fail":
            raise StudyExists(
                f'study {body.name!r} exists; take another name, or say "if_exists": "load" to go on with it'
            )
        try:
            study = await self.get(body.name)
        except StudyNotFound:
            raise StudyExists(
                f"study {body.name!r} exists, but was not created through lrtune; take another name"
            ) from None
        differing = _differences(study, body)
        if differing is not None:
            raise StudyExists(differing)
        await self.settled(study)
        return study

    async def patch(self, name: str, body: StudyPatch) -> StudyMirror:
        """Change what is given of budget, pause, stop, prior, short trainings and description. Raises InvalidField."""
        study = await self.get(name)
        settings: dict[str, Any] = {field: getattr(body, field) for field in body.model_fields_set}
        spec = study.spec
        assert spec is not None
        total = settings.get("max_total_steps")
        if total is not None and spec.max_steps is None:
            raise InvalidField(("max_total_steps",), "needs a study with max_steps; this one has none")
        prior = settings.pop("prior", None)
        short_trainings = settings.pop("short_trainings", None)
        remembered = {} if prior != "auto" else await asyncio.to_thread(remember, self._engine, spec, chosen=True)
        with self._engine.change(study) as change:
            change.update_study(**settings)
            if prior is not None:
                shown = prior if isinstance(prior, str) else prior.model_dump()
                change.set_study_attr(CHOSEN_PRIOR_ATTR, shown, system=True)
                if remembered and PRIOR_ATTR not in study.system_attrs:
                    change.set_study_attr(PRIOR_ATTR, remembered, system=True)
            if short_trainings is not None:
                change.set_study_attr(CHOSEN_SHORT_TRAININGS_ATTR, short_trainings, system=True)
        await change.on_disk()
        return study

    async def delete(self, name: str) -> None:
        """Delete a study with its trials. Workers that hold one get 404 from then on."""
        try:
            study = await self.get(name)
        except StudyUnreadable:
            change = self._engine.delete_unread(name)
        else:
            change = self._engine.delete(study)
        await change.on_disk()

    async def page(self, after: str | None, limit: int) -> tuple[list[StudyMirror], str | None]:
        """Up to `limit` studies by name, those after `after`, and the name to go on after; without those that cannot
        be read."""
        names = sorted(name for name in self._engine.study_names() if after is None or name > after)
        items: list[StudyMirror] = []
        for name in names:
            if len(items) == limit:
                return items, items[-1].name
            try:
                items.append(await self.get(name))
            except (StudyNotFound, StudyUnreadable):
                continue
        return items, None

    def unreadable(self, after: str | None, upto: str | None) -> dict[str, str]:
        """The studies that cannot be read, by name, each with why: those past `after` and up to `upto`, where given."""
        found = self._engine.unreadable().items()
        return {n: why for n, why in sorted(found) if (after is None or n > after) and (upto is None or n <= upto)}


def _differences(study: StudyMirror, body: NewStudy) -> str | None:
    """How `body` differs from the study as it was created and as it is now, and what to do; None where it does not."""
    spec = study.spec
    assert spec is not None
    created, asked = (one.model_dump(mode="json", exclude=_NOT_COMPARED) for one in (spec, body))
    prior = prior_of(spec, study.system_attrs)
    now = created | {
        "max_trials": study.max_trials,
        "max_total_steps": study.max_total_steps,
        "prior": prior if isinstance(prior, str) else prior.model_dump(mode="json"),
        "short_trainings": short_trainings_of(spec, study.system_attrs),
    }
    return differences_text(study.name, asked, created, now)
