"""An agent's client drives whole studies, over standard input and output and over HTTP."""

import base64
import math
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lrtune.service.cli.commands.mcp.worker import AgentWorker
from lrtune.trainers.client.client import Client
from tests.cli.commands.mcp.talking import COMMAND, Agent, command, talk, talk_here
from tests.end_to_end.conftest import START_SECONDS, environ
from tests.support.processes import Programs, gone

RATES = [1e-5 * 1.2**step for step in range(60)]
FALLING = [2.0 - 0.03 * step for step in range(55)]


def loss(params: dict[str, Any], step: int) -> float:
    return (math.log10(params["learning_rate"]) + 2) ** 2 + 1 / step


def png(data: str) -> tuple[int, int]:
    """The size of a PNG."""
    image = Image.open(BytesIO(base64.b64decode(data)))
    image.load()
    assert image.format == "PNG"
    return image.size


async def whole_study(agent: Agent, study: str) -> dict[str, Any]:
    """A search as an agent makes it; what is suggested at its end."""
    tested = await agent.call("range_test", learning_rates=RATES, losses=[*FALLING, *["nan"] * 5])
    assert tested["signal"]
    assert 1e-3 < tested["recommended"] < 0.2
    made = await agent.call("create_study", study=study, max_trials=6, max_steps=3)
    assert made["parameters"] == ["learning_rate"]
    first = await agent.call("ask", study=study)
    heard = await agent.call("report", study=study, trial=first["trial"], reports=[{"step": 1, "value": 9.0}])
    assert heard["verdict"] == "continue"
    assert heard["steps_left"] == 2
    heard = await agent.call("report", study=study, trial=first["trial"], reports=[{"step": 2, "value": "nan"}])
    assert (heard["verdict"], heard["reason"], heard["ended"]) == ("stop", "diverged", True)
    while not (asked := await agent.train(study, loss, 3))["done"]:
        assert asked["params"]["learning_rate"] > 0
    assert "finished" in asked["explanation"]
    assert "which your user can run" in asked["explanation"]
    standing = await agent.call("status", study=study)
    assert standing["state"] == "finished"
    assert standing["on_lease_here"] == []
    assert sum(standing["counts"].values()) == 6
    assert standing["counts"]["diverged"] == 1
    listed = await agent.call("trials", study=study, limit=2)
    assert [trial["trial"] for trial in listed["trials"]] == [5, 4]
    assert listed["more"]
    said = await agent.call("diagnose", study=study, trial=0)
    assert said["verdict"] == "diverged"
    for picture in ("response", "curves", "best", "parameters"):
        image = await agent.picture("picture", study=study, picture=picture)
        assert image.mime_type == "image/png"
        assert min(png(image.data)) > 300
    return await agent.call("suggest", study=study)


def test_an_agent_drives_a_whole_study_over_standard_input_and_output(address: str, client: Client) -> None:
    found = talk(command(address), lambda agent: whole_study(agent, "by-stdio"))
    assert found == client.suggestion("by-stdio").model_dump(mode="json")
    assert next(trial.state for trial in client.trials("by-stdio")) == "diverged"


def test_an_agent_drives_a_whole_study_without_a_service(tmp_path: Path) -> None:
    file = tmp_path / "agent.db"

    async def search(agent: Agent) -> dict[str, Any]:
        await agent.call("create_study", study="by-file", max_trials=2, max_steps=1)
        while not (await agent.train("by-file", loss, 1))["done"]:
            pass
        return await agent.call("suggest", study="by-file")

    found = talk(command(f"local:{file}"), search)
    with Client(f"local:{file}") as client:
        assert found == client.suggestion("by-file").model_dump(mode="json")


def test_agents_drive_studies_over_http_until_the_command_is_told_to_end(
    address: str, client: Client, programs: Programs
) -> None:
    served = programs.start([sys.executable, *COMMAND, "--http", "127.0.0.1:0"], environ(LRTUNE_SERVER=address))
    place = served.wait_for_line(r"^lrtune mcp serving on (http://127.0.0.1:\d+/mcp)$", START_SECONDS)[1]
    talk(place, lambda agent: whole_study(agent, "by-http"))

    async def leave_one(agent: Agent) -> Any:
        await agent.call("create_study", study="left-by-http", max_trials=1)
        return (await agent.call("ask", study="left-by-http"))["trial"]

    assert talk(place, leave_one) == 0
    assert client.trial("left-by-http", 0).state == "running", "the command runs on, and with it the lease"
    assert served.terminate(20) == 0, served
    assert client.trial("left-by-http", 0).state == "waiting"
    assert gone(served.pid)


def test_pictures_of_schedules_and_range_tests_are_images(address: str) -> None:
    async def draw(agent: Agent) -> None:
        await agent.call("create_study", study="tested", max_trials=1)
        kept = await agent.call("range_test", study="tested", learning_rates=RATES[:55], losses=FALLING)
        assert (await agent.call("suggest", study="tested"))["basis"] == "range_test", kept
        drawn = await agent.picture("picture", study="tested", picture="range_test", number=0)
        assert min(png(drawn.data)) > 300
        given = {"schedule": {"name": "cosine", "warmup_steps": 10}, "base_learning_rate": 0.1, "total_steps": 100}
        shown = await agent.call("schedule_preview", **given, points=3)
        assert shown["steps"] == [0, 49, 99]
        drawn = await agent.picture("schedule_preview", **given, picture=True)
        assert min(png(drawn.data)) > 300

    talk(command(address), draw)


@pytest.mark.parametrize(
    ("given", "rule", "rate"),
    [({"optimizer": "sgd"}, "linear", 0.4), ({"optimizer": "adamw"}, "sqrt", 0.2)],
    ids=["sgd", "adamw"],
)
def test_a_rate_is_moved_to_another_batch_size(
    worker: AgentWorker, given: dict[str, str], rule: str, rate: float
) -> None:
    async def scale(agent: Agent) -> dict[str, Any]:
        return await agent.call("scale", learning_rate=0.1, batch_size=32, new_batch_size=128, **given)

    moved = talk_here(worker, scale)
    assert moved["rule"] == rule
    assert moved["learning_rate"] == pytest.approx(rate)
