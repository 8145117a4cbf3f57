"""The whole service stands still for a while, as when its machine is moved or sleeps."""

import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path

from lrtune import Client
from tests.end_to_end.conftest import Service
from tests.support.processes import Programs

WORKERS = 6
TTL = 1.5


def test_a_service_that_stood_still_for_longer_than_a_lease_takes_no_trial_from_a_healthy_worker(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        service = Service(stack.enter_context(Programs(tmp_path / "programs")), f"sqlite:///{tmp_path}/lrtune.db")
        client = stack.enter_context(Client(service.address, retry_seconds=30))
        client.create_study("s", max_trials=WORKERS, lease_ttl_seconds=TTL, pruner="none", sampler="random")
        trials = [stack.enter_context(next(client.study("s").leases())) for _ in range(WORKERS)]
        for _ in range(2):
            os.kill(service.program.pid, signal.SIGSTOP)
            try:
                threading.Event().wait(2 * TTL)
            finally:
                os.kill(service.program.pid, signal.SIGCONT)
            threading.Event().wait(TTL)
        for trial in trials:
            trial.report(1, 0.5)
            assert (client.trial("s", trial.number).state, client.trial("s", trial.number).attempt) == ("running", 1)
