"""Rows of the list: read from the database they say what they say in memory."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.memory.trial import TrialMirror
from lrtune.service.tuning.listing.best_so_far import line_of
from lrtune.service.tuning.listing.choice import Choice
from lrtune.service.tuning.listing.listing import Listed, Listing
from tests.api.conftest import create, serving

BY_NAME = Choice(sort="name", down=False)


def listed(listing: Listing) -> Listed:
    """The whole list."""

    async def ask() -> Listed:
        return await listing.page(BY_NAME, lambda _: True)

    return asyncio.run(ask())


def test_a_row_is_the_same_from_the_database_and_from_memory(migrated_url: str) -> None:
    with serving(migrated_url) as client:
        steps = create(client, name="by-steps", max_steps=3, max_total_steps=30, sampler={"name": "random"})
        trials = create(client, name="by-trials", max_trials=9, max_steps=3, direction="maximize", tags={"a": "b"})
        for study in (steps, trials):
            for value in (0.5, 0.25, 0.75):
                study.finish(study.lease(), value=value)
            study.finish(study.lease(), state="failed", error="no GPU")
            trial = study.lease()
            study.report(trial, (1, 0.3))
            study.finish(trial, state="diverged")
        create(client, name="empty")
        engine = client.app.state.container.engine  # type: ignore[attr-defined]
        in_memory = listed(Listing(engine)).rows
        with engine.lock:
            engine.mirrors.drop_all()
        on_disk = listed(Listing(engine)).rows
        assert engine.residents() == []
    assert [row.name for row in in_memory] == ["by-steps", "by-trials", "empty"]
    for one, other in zip(in_memory, on_disk, strict=True):
        assert replace(one, best_so_far=(), rate=None, interval=None) == replace(other, best_so_far=())
        assert [value for _, value in one.best_so_far] == [value for _, value in other.best_so_far]
    assert on_disk[1].best == 0.75
    assert on_disk[1].progress is not None
    assert (on_disk[1].progress.done, on_disk[1].progress.of) == (4, 9), "the failed one costs no place"
    assert on_disk[0].progress is not None
    assert on_disk[0].progress.unit == "step"


def test_a_row_is_kept_until_its_study_changes(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(migrated_url) as client:
        study = create(client, name="one", max_steps=3)
        study.finish(study.lease(), value=0.5)
        engine = client.app.state.container.engine  # type: ignore[attr-defined]
        with engine.lock:
            engine.mirrors.drop_all()
        listing = Listing(engine)
        first = listed(listing).rows
        read: list[Sequence[str]] = []
        facts = engine.facts
        monkeypatch.setattr(engine, "facts", lambda names: read.append(names) or facts(names))
        assert listed(listing).rows == first
        assert read == [], "nothing changed"
        engine.neighbours.expect()
        listed(listing)
        assert read == [["one"]], "another process has written, who knows what"


def _study(values: list[float], *, maximize: bool = False) -> StudyMirror:
    """A mirror with complete trials of these values."""
    study = StudyMirror(1, "s", [StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE])
    for number, value in enumerate(values):
        study.enter(TrialMirror(number, number, TrialState.COMPLETE, values=[value]))
    return study


@given(st.lists(st.floats(allow_nan=False), max_size=200), st.booleans())
def test_the_line_has_each_value_that_was_better_than_all_before(values: list[float], maximize: bool) -> None:
    study = _study(values, maximize=maximize)
    finite, better = [value for value in values if math.isfinite(value)], []
    for value in finite:
        if not better or (value > better[-1] if maximize else value < better[-1]):
            better.append(value)
    line = line_of(study)
    assert [value for _, value in line] == better or len(line) == 40
    assert all(0 <= share <= 1 for share, _ in line)
    assert (line[-1][1] if line else None) == (better[-1] if better else None)
