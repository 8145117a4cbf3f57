"""A study followed from Python, while its service is stopped and started again."""

import re
from collections.abc import Iterator

from lrtune import StudyChange, StudyGone, StudyStatus
from lrtune.trainers.client.client import Client
from lrtune.trainers.client.events import Update
from tests.end_to_end.conftest import START_SECONDS, Service


def until_trained(updates: Iterator[Update], steps: int) -> Update:
    for update in updates:
        if not isinstance(update, StudyGone) and update.steps is not None and update.steps.trained >= steps:
            return update
    raise AssertionError("the events ended")


def test_events_go_on_through_a_restart_and_end_with_the_study(service: Service, client: Client) -> None:
    study = client.create_study("followed", max_steps=9, sampler="random", pruner="none")
    updates = study.events()
    assert isinstance(next(updates), StudyStatus)
    with next(study.leases()) as trial:
        trial.report(1, 0.5)
        assert isinstance(until_trained(updates, 1), StudyChange)
        service.program.terminate(START_SECONDS)
        service.start()
        trial.report(2, 0.25)
        assert isinstance(until_trained(updates, 2), StudyStatus | StudyChange)
        trial.complete(0.25)
    client.delete_study("followed")
    *_, last = updates
    assert last == StudyGone(study="followed")


def test_a_service_that_ends_does_not_wait_for_who_watches(service: Service, client: Client) -> None:
    updates = client.create_study("watched", sampler="random").events()
    next(updates)
    assert service.program.terminate(START_SECONDS) == 0
    said = service.program.stderr
    assert "Traceback" not in said
    ended = re.search(r"event='ended' seconds=([0-9.]+)", said)
    assert ended is not None
    assert float(ended[1]) < 4
