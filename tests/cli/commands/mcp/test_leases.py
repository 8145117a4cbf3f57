"""What an agent asked for stays on lease while the server runs, and is given back when it ends or is forgotten."""

import os
import signal
import subprocess
import threading
from typing import Any
from uuid import uuid4

import anyio
import pytest

from lrtune.service.cli.commands.mcp.worker import AgentWorker, NotLeasedHere
from lrtune.service.wire.trials import NoTrial
from lrtune.trainers.client.client import Client
from lrtune.trainers.client.leased_trial import LeasedTrial
from tests.cli.commands.mcp.conftest import IDLE_SECONDS, Clock
from tests.cli.commands.mcp.talking import Agent, command, talk, talk_here
from tests.support.processes import gone, until

TTL_SECONDS = 1.0


@pytest.fixture
def study(client: Client) -> str:
    """A new study whose leases are short."""
    name = f"leases-{uuid4().hex[:8]}"
    client.create_study(name, max_trials=2, max_steps=4, lease_ttl_seconds=TTL_SECONDS, pruner="none")
    return name


@pytest.fixture
def long_study(client: Client) -> str:
    """A new study whose leases do not run out within a test."""
    name = f"long-{uuid4().hex[:8]}"
    client.create_study(name, max_trials=2, max_steps=4, pruner="none")
    return name


def leased(worker: AgentWorker, study: str) -> LeasedTrial:
    trial = worker.ask(study, anneals=False, resumable=False)
    assert not isinstance(trial, NoTrial)
    return trial


def test_a_trial_that_a_call_took_up_while_it_was_to_be_given_back_stays(worker: AgentWorker, long_study: str) -> None:
    trial = leased(worker, long_study)
    looks = iter([True, False])  # Idle; and then, once the call that it waited for has ended, not any more.
    worker._give_back(lambda _: next(looks))
    assert (trial.outcome, worker.numbers(long_study)) == (None, [trial.number])


def test_a_lease_outlives_its_term_while_an_agent_thinks(worker: AgentWorker, study: str) -> None:
    async def think(agent: Agent) -> dict[str, Any]:
        await agent.call("ask", study=study)
        await anyio.sleep(2.5 * TTL_SECONDS)
        await agent.call("report", study=study, trial=0, reports=[{"step": 1, "value": 0.5}])
        return await agent.call("finish", study=study, trial=0)

    assert talk_here(worker, think)["value"] == 0.5
    assert worker.client.trial(study, 0).attempt == 1


def test_what_an_agent_leaves_is_given_back_when_it_hangs_up(address: str, client: Client, long_study: str) -> None:
    async def leave(agent: Agent) -> None:
        await agent.call("ask", study=long_study)
        await agent.call(
            "report", study=long_study, trial=0, reports=[{"step": 1, "value": 0.5}], checkpoint="file:///1"
        )

    talk(command(address), leave)
    trial = client.trial(long_study, 0)
    assert (trial.state, trial.attempt) == ("waiting", 1), "unharmed, not run out"
    assert trial.checkpoint is not None
    assert trial.checkpoint.uri == "file:///1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_an_agent_leaves_is_given_back_on_a_signal(
    address: str, client: Client, long_study: str, number: signal.Signals
) -> None:
    pids: list[int] = []

    async def interrupted(agent: Agent) -> None:
        await agent.call("ask", study=long_study)
        pids.extend(_children())
        os.kill(pids[0], number)
        await anyio.to_thread.run_sync(lambda: until(lambda: client.trial(long_study, 0).state == "waiting"))

    talk(command(address), interrupted)
    assert client.trial(long_study, 0).attempt == 1
    assert all(gone(pid) for pid in pids)


def _children() -> list[int]:
    """The processes of this one that run `lrtune mcp`."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "lrtune.service.cli.main mcp" in line]


def test_a_trial_that_no_call_is_about_is_given_back(worker: AgentWorker, clock: Clock, study: str) -> None:
    forgotten, used = leased(worker, study), leased(worker, study)
    clock.seconds += IDLE_SECONDS / 2
    with worker.trial(study, used.number) as trial:
        trial.report(1, 0.5)
    clock.seconds += IDLE_SECONDS / 2
    worker.give_back_idle()
    assert worker.client.trial(study, forgotten.number).state == "waiting"
    assert worker.numbers(study) == [used.number]
    with pytest.raises(NotLeasedHere, match=f"trial {forgotten.number} .*those that are: {used.number}"):
        worker.trial(study, forgotten.number).__enter__()


def test_forgotten_trials_are_looked_for_while_the_server_runs(address: str, client: Client, study: str) -> None:
    stopping = threading.Event()
    own = Client(address, stopping=stopping)
    with AgentWorker(own, idle_seconds=0.1, stopping=stopping, look_seconds=0.05) as worker:
        leased(worker, study)
        until(lambda: client.trial(study, 0).state == "waiting")


def test_nothing_outlives_a_worker_that_is_closed(worker: AgentWorker, client: Client, study: str) -> None:
    leased(worker, study)
    worker.close()
    worker.close()
    assert client.trial(study, 0).state == "waiting"
    left = {thread.name for thread in threading.enumerate()}
    assert "lrtune-mcp-idle" not in left
    assert "lrtune-lease" not in left


def test_a_released_trial_is_handed_out_again(worker: AgentWorker, study: str) -> None:
    async def twice(agent: Agent) -> None:
        await agent.call("ask", study=study)
        assert (await agent.call("status", study=study))["on_lease_here"] == [0]
        assert (await agent.call("release", study=study, trial=0))["state"] == "waiting"
        assert (await agent.call("status", study=study))["on_lease_here"] == []
        again = await agent.call("ask", study=study)
        assert (again["trial"], again["attempt"]) == (0, 1)

    talk_here(worker, twice)


def test_a_stopped_study_ends_a_trial_at_its_next_report(worker: AgentWorker, client: Client, study: str) -> None:
    async def stopped(agent: Agent) -> None:
        await agent.call("ask", study=study)
        assert (await agent.call("stop", study=study))["state"] == "finished"
        heard = await agent.call("report", study=study, trial=0, reports=[{"step": 1, "value": 0.5}])
        assert (heard["verdict"], heard["reason"], heard["ended"]) == ("stop", "study_finished", True)
        assert (await agent.call("resume", study=study))["state"] == "running"

    talk_here(worker, stopped)
    assert client.trial(study, 0).state == "pruned"


def test_a_paused_study_says_when_to_ask_again(worker: AgentWorker, study: str) -> None:
    async def paused(agent: Agent) -> dict[str, Any]:
        assert (await agent.call("pause", study=study))["state"] == "paused"
        return await agent.call("ask", study=study)

    asked = talk_here(worker, paused)
    assert asked["trial"] is None
    assert not asked["done"]
    assert asked["retry_after_seconds"] > 0
    assert asked["explanation"]


def test_a_paused_trial_waits_with_its_checkpoint_and_goes_on_later(worker: AgentWorker, client: Client) -> None:
    study = f"pauses-{uuid4().hex[:8]}"
    client.create_study(study, max_trials=1, max_steps=10)

    async def pause(agent: Agent) -> None:
        trial = (await agent.call("ask", study=study, resumable=True))["trial"]
        for step in range(1, 10):
            report, place = {"step": step, "value": 1 / step}, f"file:///{step}"
            heard = await agent.call("report", study=study, trial=trial, reports=[report], checkpoint=place)
            if heard["ended"]:
                break
        assert (heard["verdict"], heard["reason"]) == ("pause", "paused")
        assert (await agent.call("trials", study=study, state="waiting"))["trials"][0]["explanation"]
        again = await agent.call("ask", study=study, resumable=True)
        assert again["trial"] == trial
        assert again["resume"] == {"uri": place, "step": step}

    talk_here(worker, pause)


def test_a_trial_that_another_worker_has_by_now_is_said_to_be_lost(
    worker: AgentWorker, client: Client, study: str
) -> None:
    """Its study is deleted and made again, so that its lease is another's."""
    leased(worker, study)
    client.delete_study(study)
    client.create_study(study, max_trials=1)
    other = client.study(study).ask("another")
    assert isinstance(other, LeasedTrial)

    async def report(agent: Agent) -> str:
        return await agent.refused("report", study=study, trial=0, reports=[{"step": 1, "value": 0.5}])

    assert "(409)" in talk_here(worker, report)
    assert worker.numbers(study) == []
    other.release()
