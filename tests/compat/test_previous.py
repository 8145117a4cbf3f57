"""Yesterday's workers on today's service and the reverse, and a fleet that is upgraded: docs/how-to/upgrade.md."""

from pathlib import Path

import httpx2
import pytest

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.maintenance import upgrade
from tests.compat.conftest import START_SECONDS, Side, create, states
from tests.support.processes import until

pytestmark = pytest.mark.slow
TRIALS, STEPS = 4, 5


def test_a_worker_of_the_previous_version_trains_a_study_of_this_service_to_its_end(
    old: Side, new: Side, task: Path, tmp_path: Path
) -> None:
    _, address = new.serve(f"sqlite:///{tmp_path}/lrtune.db")
    create(address, "digits", TRIALS, STEPS)
    worker = old.work(address, "digits", task)
    assert worker.wait(START_SECONDS) == 0, worker
    assert states(address, "digits") == [("complete", 1)] * TRIALS


def test_a_worker_of_this_version_trains_a_study_of_the_previous_service_to_its_end(
    old: Side, new: Side, task: Path, tmp_path: Path
) -> None:
    _, address = old.serve(f"sqlite:///{tmp_path}/lrtune.db")
    create(address, "digits", TRIALS, STEPS)
    worker = new.work(address, "digits", task)
    assert worker.wait(START_SECONDS) == 0, worker
    assert states(address, "digits") == [("complete", 1)] * TRIALS


@pytest.mark.parametrize(
    "command",
    [("study", "export", "digits", "-o", "digits.jsonl"), ("token", "list")],
    ids=" ".join,
)
def test_what_the_previous_service_does_not_have_is_told_in_one_line(
    old: Side, new: Side, tmp_path: Path, command: tuple[str, ...]
) -> None:
    _, address = old.serve(f"sqlite:///{tmp_path}/lrtune.db")
    create(address, "digits", TRIALS, STEPS)
    asked = new.run(*command, LRTUNE_SERVER=address)
    assert asked.poll() not in (0, None), asked
    assert "Traceback" not in asked.stderr
    assert len(asked.stderr.strip().splitlines()) == 1, asked


def test_a_running_fleet_is_upgraded_without_losing_an_attempt(
    old: Side, new: Side, slow_task: Path, postgres_url: str, tmp_path: Path
) -> None:
    """One address, as a proxy shows it: the new service is started at the port that the old one leaves."""
    before, address = old.serve(postgres_url)
    create(address, "digits", 3, 60)
    port = address.rpartition(":")[2]
    workers = [old.work(address, "digits", slow_task), new.work(address, "digits", slow_task)]
    until(lambda: [state for state, _ in states(address, "digits")].count("running") == 2, START_SECONDS)

    standby, waits_at = new.serve(postgres_url)
    ready = httpx2.get(f"{waits_at}/readyz")
    assert (ready.status_code, ready.json()["schema"], ready.json()["writer"]) == (503, "outdated", "standby")
    assert before.terminate(60) == 0, before
    until(lambda: httpx2.get(f"{waits_at}/readyz").status_code == 200, START_SECONDS)
    assert httpx2.get(f"{waits_at}/readyz").json()["schema"] == "current"
    assert standby.terminate(60) == 0, standby
    after = new.start("serve", "--port", port, LRTUNE_STORAGE=postgres_url)
    after.wait_for_line(r"^lrtune serving on (\S+)$", START_SECONDS)

    for worker in workers:
        assert worker.wait(240) == 0, worker
    assert states(address, "digits") == [("complete", 1)] * 3


def test_the_previous_version_refuses_the_new_tables_and_writes_nothing_into_them(
    old: Side, new: Side, postgres_url: str
) -> None:
    service, address = new.serve(postgres_url)
    create(address, "digits", TRIALS, STEPS)
    assert service.terminate(60) == 0, service
    before = versions_of(postgres_url)
    back = old.start("serve", "--port", "0", LRTUNE_STORAGE=postgres_url)
    assert back.wait(START_SECONDS) != 0
    assert "was written by a newer lrtune" in back.stderr
    assert "Traceback" not in back.stderr
    assert versions_of(postgres_url) == before
    _, again = new.serve(postgres_url)
    assert httpx2.get(f"{again}/v1/studies/digits").status_code == 200


def versions_of(url: str) -> upgrade.Versions:
    """What the tables say of themselves."""
    database = Database(url)
    try:
        with database.read() as connection:
            return upgrade.versions(connection)
    finally:
        database.close()
