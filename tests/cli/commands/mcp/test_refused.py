"""What cannot be is a tool's error: one line that names the field and what to do."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from lrtune.service.cli.commands.mcp.worker import AgentWorker
from lrtune.trainers.client.client import Client
from tests.cli.commands.mcp.talking import Agent, talk_here

SPACE = {"rate": {"type": "flaot", "low": 0, "high": 1}}
RATES = [0.1, 0.2, 0.3]
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "an unknown tool": ("statu", {}, "there is no tool 'statu': did you mean status?"),
    "an unknown argument": ("ask", {"study": "s", "lr": 1}, "lr: is unknown; ask takes study, anneals, resumable"),
    "a missing argument": ("status", {}, "study: is missing; status takes study"),
    "an argument of another type": ("status", {"study": 3}, "study: must be a text"),
    "an unknown study": ("status", {"study": "none"}, r"there is no study 'none'; create it .* \(404\)"),
    "an unknown study to train": ("ask", {"study": "none"}, r"there is no study 'none'"),
    "no budget": ("create_study", {"study": "x"}, "max_trials: is missing; create_study takes study, max_trials"),
    "a space that is none": (
        "create_study",
        {"study": "x", "max_trials": 1, "search_space": SPACE},
        r"search_space.rate.type: there is no type 'flaot'; did you mean 'float'\? use one of float, int",
    ),
    "an unknown sampler": (
        "create_study",
        {"study": "x", "max_trials": 1, "sampler": "tpee"},
        "sampler.name: .*tpee.*",
    ),
    "losses without rates": (
        "range_test",
        {"learning_rates": RATES, "losses": [1.0]},
        "losses: must be one for each of learning_rates: 1 losses, 3 rates",
    ),
    "rates that fall": (
        "range_test",
        {"learning_rates": RATES[::-1], "losses": [1.0] * 3},
        "learning_rates: must rise, but number 1 is 0.2 after 0.3",
    ),
    "an unknown schedule": (
        "schedule_preview",
        {"schedule": "cosin", "base_learning_rate": 0.1, "total_steps": 9},
        "schedule.name: there is no schedule 'cosin'; did you mean 'cosine'?",
    ),
    "an unknown optimizer": (
        "scale",
        {"learning_rate": 0.1, "batch_size": 1, "new_batch_size": 2, "optimizer": "foo"},
        "optimizer 'foo' is not known; known are sgd",
    ),
    "a study and a description of none": (
        "suggest",
        {"study": "s", "optimizer": "sgd"},
        "arguments: study says what is trained: leave optimizer out, or the study",
    ),
    "a picture that is none": ("picture", {"study": "s", "picture": "curve"}, "picture: must be 'response', "),
    "an argument of another picture": (
        "picture",
        {"study": "s", "number": 0},
        "arguments: number is for the picture range_test: leave it out of response",
    ),
    "nothing to compare with": (
        "picture",
        {"study": "s", "picture": "compare"},
        "arguments: compare needs others: name one to four studies beside this one",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_is_said_in_one_line(worker: AgentWorker, case: str) -> None:
    name, arguments, said = CASES[case]
    assert re.match(said, told := talk_here(worker, lambda agent: agent.refused(name, **arguments))), told


@pytest.fixture
def study(client: Client) -> str:
    name = f"refused-{uuid4().hex[:8]}"
    client.create_study(name, max_trials=2, max_steps=2, pruner="none")
    return name


def test_a_trial_that_is_not_on_lease_here_is_named(worker: AgentWorker, study: str) -> None:
    async def other(agent: Agent) -> str:
        report = {"step": 1, "value": 0.5}
        said = await agent.refused("report", study=study, trial=7, reports=[report])
        assert said == f"trial 7 of study {study} is not on lease here (none is); call ask to lease one"
        await agent.call("ask", study=study)
        return await agent.refused("finish", study=study, trial=7, value=0.5)

    assert "(those that are: 0)" in talk_here(worker, other)


def test_a_trial_without_a_value_is_not_finished_and_stays_on_lease(worker: AgentWorker, study: str) -> None:
    async def empty(agent: Agent) -> dict[str, Any]:
        await agent.call("ask", study=study)
        said = await agent.refused("finish", study=study, trial=0)
        assert said == "value: is missing, and nothing was reported: give the final value, or report first"
        said = await agent.refused("finish", study=study, trial=0, state="failed")
        assert said == "error: is missing: say in a line why the training failed"
        return await agent.call("finish", study=study, trial=0, value=0.25)

    assert talk_here(worker, empty)["value"] == 0.25


def test_a_failed_training_is_kept_with_its_error(worker: AgentWorker, client: Client, study: str) -> None:
    async def failed(agent: Agent) -> dict[str, Any]:
        await agent.call("ask", study=study)
        return await agent.call("finish", study=study, trial=0, state="failed", error="CUDA out of memory")

    ended = talk_here(worker, failed)
    assert (ended["state"], ended["error"]) == ("failed", "CUDA out of memory")
    assert client.trial(study, 0).error == "CUDA out of memory"


def test_a_training_that_diverged_is_kept_as_such(worker: AgentWorker, study: str) -> None:
    async def diverged(agent: Agent) -> dict[str, Any]:
        await agent.call("ask", study=study)
        return await agent.call("finish", study=study, trial=0, state="diverged")

    assert talk_here(worker, diverged)["state"] == "diverged"


def test_a_study_that_is_there_already_is_loaded_only_where_it_is_the_same(worker: AgentWorker, study: str) -> None:
    async def again(agent: Agent) -> str:
        await agent.call("create_study", study=study, max_trials=2, max_steps=2, pruner="none", if_exists="load")
        return await agent.refused("create_study", study=study, max_trials=2)

    assert "409" in talk_here(worker, again)


def test_a_service_that_does_not_answer_is_named_with_the_remedy() -> None:
    stopping = threading.Event()
    client = Client("http://127.0.0.1:9", retry_seconds=0.1, stopping=stopping)
    with AgentWorker(client, idle_seconds=100, stopping=stopping) as worker:
        said = talk_here(worker, lambda agent: agent.refused("list_studies"))
    assert said.startswith("no lrtune service answers at http://127.0.0.1:9 ")
    assert "start one with `lrtune serve`" in said


@contextmanager
def through(handler: Callable[[httpx2.Request], httpx2.Response]) -> Iterator[AgentWorker]:
    """A worker whose requests are answered by a function."""
    stopping = threading.Event()
    own = Client("http://service", transport=httpx2.MockTransport(handler), retry_seconds=0, stopping=stopping)
    with AgentWorker(own, idle_seconds=100, stopping=stopping) as worker:
        yield worker


def test_a_call_that_takes_too_long_is_answered_all_the_same() -> None:
    answered = threading.Event()

    def slow(request: httpx2.Request) -> httpx2.Response:
        answered.wait(30)
        return httpx2.Response(503)

    async def wait(agent: Agent) -> str:
        try:
            return await agent.refused("list_studies")
        finally:
            answered.set()

    begun = time.monotonic()
    with through(slow) as worker:
        said = talk_here(worker, wait, call_seconds=0.2)
    assert time.monotonic() - begun < 5
    assert said == (
        "list_studies took longer than 0.2 s, and may still be done: look with status before you call it again"
    )


def test_a_fault_of_the_server_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    def faulty(request: httpx2.Request) -> httpx2.Response:
        raise ZeroDivisionError("a secret")

    with through(faulty) as worker:
        said = talk_here(worker, lambda agent: agent.refused("list_studies"))
    assert said == "list_studies failed by a fault of lrtune mcp (ZeroDivisionError): its log says more"
    assert "a secret" in caplog.text


def test_a_trial_of_a_deleted_study_is_kept_no_longer(worker: AgentWorker, client: Client, study: str) -> None:
    async def gone(agent: Agent) -> str:
        await agent.call("ask", study=study)
        client.delete_study(study)
        return await agent.refused("report", study=study, trial=0, reports=[{"step": 1, "value": 0.5}])

    assert f"there is no study '{study}'" in talk_here(worker, gone)
    assert worker.numbers(study) == []
