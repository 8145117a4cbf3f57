import time

from starlette.testclient import TestClient

from tests.api.calls import StudyCalls, assert_problem, in_threads
from tests.api.conftest import NewStudy


def test_status_counts_trials_workers_and_steps(each_study: NewStudy) -> None:
    study = each_study(max_steps=5, pruner={"name": "threshold", "upper": 10.0}, max_trials=9)
    good, pruned, diverged, failed, running, released = (study.lease(worker=f"host:{i}") for i in range(6))
    study.verdict(good, (5, 0.25))
    study.finish(good)
    assert study.verdict(pruned, (2, 99.0))["reason"] == "pruned"
    study.finish(pruned, "pruned")
    study.verdict(diverged, (3, "nan"))
    study.finish(diverged, "diverged")
    study.finish(failed, "failed", error="out of memory")
    study.verdict(running, (1, 1.0))
    assert study.release(released).status_code == 200
    status = study.get("/status")
    assert status["study"] == study.name
    assert status["state"] == "running"
    counts = {"complete": 1, "pruned": 1, "diverged": 1, "failed": 1, "running": 1, "waiting": 1}
    assert status["trials"] == counts
    assert status["best"] == {"trial": good["number"], "value": 0.25, "standard_error": None, "params": good["params"]}
    assert status["steps"] == {"trained": 5 + 2 + 3 + 1, "saved_by_pruning": 3, "spent_on_divergence": 3}
    assert status["workers"] == 1
    assert status["suggestion"] == study.get("/suggestion")
    assert status["updated_at"].endswith("Z")


def test_the_best_trial_of_a_maximized_study_has_the_largest_value(new_study: NewStudy) -> None:
    study = new_study(direction="maximize", metric="accuracy")
    for value in (0.5, 0.9, 0.7):
        study.finish(study.lease(), value=value)
    assert study.get("/status")["best"]["value"] == 0.9


def test_an_unchanged_status_is_a_304_and_a_changed_one_is_sent(study: StudyCalls) -> None:
    first = study.client.get(study.path + "/status")
    known = {"If-None-Match": first.headers["etag"]}
    again = study.client.get(study.path + "/status", headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    study.lease()
    changed = study.client.get(study.path + "/status", headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    assert changed.json()["version"] > first.json()["version"]


def test_every_change_of_a_study_makes_a_later_version(study: StudyCalls) -> None:
    versions = [study.get("/status")["version"]]

    def note() -> None:
        versions.append(study.get("/status")["version"])

    trial = study.lease()
    note()
    study.verdict(trial, (1, 0.5))
    note()
    study.finish(trial)
    note()
    study.patch(paused=True)
    note()
    study.post("/trials/enqueue", {"params": {"learning_rate": 0.1}})
    note()
    assert versions == sorted(set(versions))


def test_reading_and_heartbeats_make_no_new_version(study: StudyCalls) -> None:
    trial = study.lease()
    before = study.get("/status")["version"]
    study.heartbeat(trial)
    study.get("/trials")
    study.get("/suggestion")
    assert study.get("/status")["version"] == before


def test_a_long_poll_is_answered_when_the_study_changes(each_study: NewStudy) -> None:
    study = each_study()
    trial = study.lease()
    before = study.get("/status")["version"]

    def poll_or_report(index: int) -> int:
        if index:
            version: int = study.get("/status", wait_seconds=30, after=before)["version"]
            return version
        study.verdict(trial, (1, 0.5))
        return 0

    begun = time.monotonic()
    _, *seen = in_threads(4, poll_or_report)
    assert all(version > before for version in seen)
    assert time.monotonic() - begun < 20


def test_a_long_poll_for_an_old_version_is_answered_at_once(study: StudyCalls) -> None:
    before = study.get("/status")["version"]
    study.lease()
    begun = time.monotonic()
    assert study.get("/status", wait_seconds=30, after=before)["version"] > before
    assert time.monotonic() - begun < 10


def test_a_long_poll_ends_after_its_time_with_what_is_known(study: StudyCalls) -> None:
    before = study.get("/status")["version"]
    begun = time.monotonic()
    assert study.get("/status", wait_seconds=0.3, after=before)["version"] == before
    assert 0.25 < time.monotonic() - begun < 10


def test_a_long_poll_on_an_unchanged_study_can_be_a_304(study: StudyCalls) -> None:
    first = study.client.get(study.path + "/status")
    query = {"wait_seconds": 0.2, "after": first.json()["version"]}
    headers = {"If-None-Match": first.headers["etag"]}
    assert study.client.get(study.path + "/status", params=query, headers=headers).status_code == 304


def test_a_long_poll_on_a_study_that_is_deleted_is_a_404(study: StudyCalls) -> None:
    before = study.get("/status")["version"]

    def poll_or_delete(index: int) -> object:
        if index:
            query = {"wait_seconds": 30, "after": before}
            return study.client.get(study.path + "/status", params=query)
        return study.client.delete(study.path)

    deleted, polled = in_threads(2, poll_or_delete)
    assert deleted.status_code == 204
    assert_problem(polled, 404, "study-not-found")


def test_waiting_is_limited_to_a_minute(client: TestClient, study: StudyCalls) -> None:
    for wait_seconds in ("61", "-1", "nan"):
        response = client.get(study.path + "/status", params={"wait_seconds": wait_seconds})
        assert assert_problem(response, 422)["errors"][0]["loc"] == ["query", "wait_seconds"]
