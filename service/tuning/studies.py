"""Studies: creating, finding, changing, listing and deleting them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, ItemsView
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from optuna.study import StudyDirection

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StudyElsewhere, StudyMissing, StudyNameTaken, StudyUnreadable
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.memory.summary import StudyFacts
from lrtune.service.storage.schema.attributes import (
    CHOSEN_PRIOR_ATTR,
    CHOSEN_SHORT_TRAININGS_ATTR,
    METRIC_NAMES_ATTR,
    PRIOR_ATTR,
)
from lrtune.service.storage.sql.reading.past_rates import Shown, every_study
from lrtune.service.tuning.errors import TO_ADOPT, InvalidField, StudyExists, StudyHalfImported, StudyNotFound
from lrtune.service.tuning.fidelity.short_trainings import short_trainings_of
from lrtune.service.tuning.history.lookup import remember
from lrtune.service.tuning.sampling.samplers import check_sampler
from lrtune.service.tuning.state.failing import forgive, halt_of
from lrtune.service.tuning.state.importing import is_half_imported
from lrtune.service.tuning.state.rate_prior import prior_of
from lrtune.service.tuning.state.spec_differences import differences_text
from lrtune.service.wire.studies import NewStudy, StudyPatch, StudySpec

_DIRECTIONS = {"minimize": StudyDirection.MINIMIZE, "maximize": StudyDirection.MAXIMIZE}
_FEWEST_READ = 100
"""Studies that are looked at together where most of them may be left out."""
_NOT_COMPARED = {"name", "description", "if_exists"}

P = ParamSpec("P")
R = TypeVar("R")


def of_a_study(call: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Let a call about a study that is deleted meanwhile raise StudyNotFound, like one that comes later."""

    @wraps(call)
    async def telling(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await call(*args, **kwargs)
        except StudyMissing as missing:
            raise StudyNotFound(missing.which) from None

    return telling


class Studies:
    """The studies of one storage engine. All methods are for the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, name: str) -> StudyMirror:
        """The study of that name. Raises StudyNotFound, StudyUnreadable, StudyHalfImported."""
        study = await self.find(name)
        if is_half_imported(study):
            raise StudyHalfImported(name)
        return study

    async def to_look_at(self, name: str) -> StudyMirror:
        """The same, to be shown beside others and not changed: what another process serves, as the database has it now.
        What is `elsewhere` is not to be `settled`, either."""
        try:
            return await self.get(name)
        except StudyElsewhere:
            try:
                study = await asyncio.to_thread(self._engine.read_apart, name)
            except StudyMissing:
                raise StudyNotFound(name) from None
        if study.spec is None or is_half_imported(study):
            raise StudyNotFound(name, of_optuna=study.spec is None)
        return study

    async def find(self, name: str) -> StudyMirror:
        """The same, also of a study that is not all there yet. Raises StudyNotFound, StudyUnreadable."""
        try:
            study = self._engine.resident(name)
            if study is None:
                study = await asyncio.to_thread(self._engine.load_name, name)
        except StudyMissing:
            raise StudyNotFound(name) from None
        if study.spec is None:
            raise StudyNotFound(name, of_optuna=True)
        return study

    async def settled(self, study: StudyMirror) -> None:
        """Wait until what the mirror shows of the study is on disk. Raises StorageUnavailable."""
        batch = self._engine.pending(study)
        if batch is not None:
            await batch.wait_async()
        if study.deleted:
            raise StudyNotFound(study.name)
        if not study.alive:
            if study.elsewhere:
                raise StudyElsewhere(study.name)
            self._engine.check_active()
            study.check_kept()

    async def create(
        self, body: NewStudy, *, shown: Shown = every_study, may_create: bool = True
    ) -> tuple[StudyMirror, bool]:
        """Create a study, or load it where it exists and `body` says so; return it and whether it is new. Of past
        studies it knows those that are to be `shown`.

        Raises StudyExists, InvalidField; StudyNotFound where it is not there and the caller may not create one.
        """
        if not may_create:
            return await self._existing(body), False
        spec = StudySpec.model_construct(**{field: getattr(body, field) for field in StudySpec.model_fields})
        check_sampler(spec)
        remembered = await asyncio.to_thread(remember, self._engine, spec, shown=shown)
        try:
            with self._engine.lock:
                study = self._engine.new_study(spec.name, [_DIRECTIONS[spec.direction]])
                with self._engine.change(study) as change:
                    change.create_study(spec)
                    change.set_study_attr(METRIC_NAMES_ATTR, [spec.metric], system=True)
                    if remembered:
                        change.set_study_attr(PRIOR_ATTR, remembered, system=True)
        except StudyNameTaken:
            return await self._existing(body), False
        await change.on_disk()
        return study, True

    async def _is_optunas(self, name: str) -> bool:
        """Whether there is a study of that name without a spec."""
        try:
            await self.find(name)
        except StudyNotFound:
            return name in self._engine.study_names()
        except StudyUnreadable:
            return False
        return False

    async def _existing(self, body: NewStudy) -> StudyMirror:
        if await self._is_optunas(body.name):
            raise StudyExists(
                f"study {body.name!r} exists, and is one that Optuna made; take another name, or, to go on with it, "
                f"{TO_ADOPT}"
            )
        if body.if_exists == "fail":
            raise StudyExists(
                f'study {body.name!r} exists; take another name, or say "if_exists": "load" to go on with it'
            )
        study = await self.get(body.name)
        differing = _differences(study, body)
        if differing is not None:
            raise StudyExists(differing)
        await self.settled(study)
        return study

    @of_a_study
    async def patch(self, name: str, body: StudyPatch, *, shown: Shown = every_study) -> StudyMirror:
        """Change what is given of budget, pause, stop, prior, short trainings and description. Raises InvalidField."""
        study = await self.get(name)
        settings: dict[str, Any] = {field: getattr(body, field) for field in body.model_fields_set}
        spec = study.spec
        assert spec is not None
        _check_total(settings.get("max_total_steps"), spec.max_steps)
        prior = settings.pop("prior", None)
        short_trainings = settings.pop("short_trainings", None)
        remembered = (
            {} if prior != "auto" else await asyncio.to_thread(remember, self._engine, spec, chosen=True, shown=shown)
        )
        with self._engine.change(study) as change:
            before = _settings_of(study)
            change.update_study(**settings)
            if settings.get("paused") is False:
                forgive(change)
            if prior is not None:
                told = prior if isinstance(prior, str) else prior.model_dump()
                change.set_study_attr(CHOSEN_PRIOR_ATTR, told, system=True)
                if remembered and PRIOR_ATTR not in study.system_attrs:
                    change.set_study_attr(PRIOR_ATTR, remembered, system=True)
            if short_trainings is not None:
                change.set_study_attr(CHOSEN_SHORT_TRAININGS_ATTR, short_trainings, system=True)
            _note_differences(change, before)
        await change.on_disk()
        return study

    @of_a_study
    async def delete(self, name: str) -> None:
        """Delete a study with its trials. Workers that hold one get 404 from then on."""
        try:
            study = await self.find(name)
        except StudyUnreadable:
            change = self._engine.delete_unread(name)
        else:
            change = self._engine.delete(study)
        await change.on_disk()

    async def page(
        self,
        after: str | None,
        limit: int,
        shown: Callable[[str], bool] = lambda _name: True,
        *,
        tags: frozenset[tuple[str, str]] = frozenset(),
    ) -> tuple[list[StudyFacts], str | None]:
        """Up to `limit` studies by name, those after `after` that are to be `shown` and have all the `tags`, and the
        name to go on after. No study is loaded."""
        at_once = max(limit, _FEWEST_READ) if tags else limit
        names = sorted(n for n in self._engine.study_names() if (after is None or n > after) and shown(n))
        items: list[StudyFacts] = []
        for start in range(0, len(names), at_once):
            some = names[start : start + at_once]
            found = await asyncio.to_thread(self._engine.facts, some)
            for name in some:
                if name not in found or not tags <= _tags(found[name]):
                    continue
                if len(items) == limit:
                    return items, items[-1].name
                items.append(found[name])
        return items, None

    def unreadable(self, after: str | None, upto: str | None) -> dict[str, str]:
        """The studies that cannot be read, by name, each with why: those past `after` and up to `upto`, where given."""
        found = self._engine.unreadable().items()
        return {n: why for n, why in sorted(found) if (after is None or n > after) and (upto is None or n <= upto)}


def _tags(facts: StudyFacts) -> ItemsView[str, str]:
    return (facts.spec.tags if facts.spec is not None else {}).items()


def _differences(study: StudyMirror, body: NewStudy) -> str | None:
    """How `body` differs from the study as it was created and as it is now, and what to do; None where it does not."""
    spec = study.spec
    assert spec is not None
    created, asked = (one.model_dump(mode="json", exclude=_NOT_COMPARED) for one in (spec, body))
    settings = _settings_of(study)
    now = created | {name: settings[name] for name in created.keys() & settings.keys()}
    return differences_text(study.name, asked, created, now)


def _check_total(total: int | None, full: int | None) -> None:
    """Whether a budget of `total` steps fits trainings of `full` steps, as at creation. Raises InvalidField."""
    if total is None:
        return
    if full is None:
        raise InvalidField(("max_total_steps",), "needs a study with max_steps; this one has none")
    if total < full:
        raise InvalidField(("max_total_steps",), f"must be at least max_steps ({full}), or no trial can start")


def _settings_of(study: StudyMirror) -> dict[str, Any]:
    """What a PATCH changes, as it is now; and why a study is halted, which a PATCH may end."""
    spec = study.spec
    assert spec is not None
    prior, halt = prior_of(spec, study.system_attrs), halt_of(study)
    return {
        "max_trials": study.max_trials,
        "max_total_steps": study.max_total_steps,
        "paused": study.paused,
        "stopped": study.stopped,
        "description": study.description,
        "prior": prior if isinstance(prior, str) else prior.model_dump(mode="json"),
        "short_trainings": short_trainings_of(spec, study.system_attrs),
        "halted": None if halt is None else halt.error,
    }


def _note_differences(change: Change, before: dict[str, Any]) -> None:
    """Note what of the settings is not as it was `before`; nothing where all is."""
    after = _settings_of(change.study)
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        old, new = ({name: settings[name] for name in changed} for settings in (before, after))
        told = {name: "…" if name == "description" else value for name, value in new.items()}
        change.audit("study.change", before=old, after=new, changed=told)
