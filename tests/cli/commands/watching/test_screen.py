"""The screen of a watched study, over a real service."""

import io
import re
import threading
from collections.abc import Iterator

import httpx2
import pytest
from rich.console import Console
from starlette.testclient import TestClient

from lrtune.service.cli.commands.study.following import Following
from lrtune.service.cli.commands.study.watching.marks import ASCII, BLOCKS, Letters
from lrtune.service.cli.commands.study.watching.screen import screen
from lrtune.service.cli.commands.study.watching.seen import Looking
from lrtune.trainers.client.client import Client
from tests.api.calls import StudyCalls
from tests.api.conftest import create, serving
from tests.fake_service import listening

PLAIN = {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "max_steps": 5, "prior": "none"}
SPACE = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}


class Served:
    """A real service, its address, and what was asked of it."""

    def __init__(self, client: TestClient) -> None:
        self.client, self.address, self.asked = client, "", list[str]()

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        where = str(request.url.raw_path, "ascii")
        self.asked.append(where)
        found = self.client.request(request.method, where, content=request.content)
        return httpx2.Response(found.status_code, content=found.content, headers=dict(found.headers))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(f"sqlite:///{tmp_path_factory.mktemp('watched')}/lrtune.db") as client:
        found = Served(client)
        with listening(found.answer) as found.address:
            yield found


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address, retry_seconds=0.0) as client:
        yield client


def looking(client: Client, study: StudyCalls) -> tuple[Following, Looking]:
    following = Following(client, study.name, most=30)
    return following, Looking(client, client.study(study.name).spec, following)


def drawn(looking: Looking, width: int = 80, height: int = 24, letters: Letters = BLOCKS) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print(screen(looking.seen, width, height, letters, looking.age))
    return console.export_text().splitlines()


def again(following: Following, looking: Looking) -> None:
    looking.take_in(following.wait(threading.Event().wait, 0.0))


def busy(served: Served, running: int = 3, ended: int = 40) -> StudyCalls:
    study = create(served.client, **PLAIN, search_space=SPACE, max_trials=100, metric="val_loss")
    for n in range(ended):
        study.finish(study.lease(), value=1.0 - n / 100)
    for n in range(running):
        study.verdict(study.lease(worker=f"gpu-{n}:1"), (1, 3.0), (2, 1.0))
    return study


def test_the_answer_the_counts_and_what_trains_are_on_one_screen(served: Served, client: Client) -> None:
    study = busy(served)
    _, found = looking(client, study)
    text = "\n".join(drawn(found))
    assert "learning rate " in text
    assert re.search("1e-05 [─━●]{40,} 1$", text, re.MULTILINE)
    assert "● 40 complete" in text
    assert "▶ 3 running" in text
    assert "40 of 100 trials spent" in text
    assert "val_loss 0.61" in text
    assert [line for line in text.splitlines() if "gpu-2:1" in line and "2/5" in line and "█▁" in line]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 15), (120, 50), (200, 80)])
def test_it_fits_the_terminal_whatever_goes_on(served: Served, client: Client, width: int, height: int) -> None:
    study = busy(served, running=30)
    failing = study.lease(worker="x" * 200)
    study.finish(failing, "failed", error="ValueError: " + "long " * 100)
    _, found = looking(client, study)
    lines = drawn(found, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("trial 70" in line for line in lines)


def test_what_ends_is_told_with_its_reason_and_a_report_renews_its_age(served: Served, client: Client) -> None:
    study = create(served.client, **PLAIN, search_space=SPACE, max_trials=9)
    trial, other = study.lease(worker="a:1"), study.lease(worker="b:2")
    following, found = looking(client, study)
    assert [found.age(one) for one in found.seen.running] == [None, None]
    study.verdict(trial, (1, 0.5))
    study.finish(other, "failed", error="Traceback\nRuntimeError: no GPU")
    again(following, found)
    (one,) = found.seen.running
    age = found.age(one)
    assert age is not None
    assert age < 60
    assert any("trial 1 failed" in line and "no GPU" in line for line in drawn(found))


def test_many_that_end_at_once_cost_no_more_than_a_few(served: Served, client: Client) -> None:
    study = create(served.client, **PLAIN, search_space=SPACE)
    following, found = looking(client, study)
    for n in range(60):
        study.post("/trials/record", {"params": {"learning_rate": 0.01}, "value": n / 100})
    served.asked.clear()
    again(following, found)
    assert len([path for path in served.asked if "max_points" in path]) == 30
    served.asked.clear()
    study.post("/trials/record", {"params": {"learning_rate": 0.02}, "value": 0.001})
    again(following, found)
    assert len([path for path in served.asked if "max_points" in path]) == 1
    assert len(served.asked) < 8


def test_without_unicode_nothing_else_is_lost(served: Served, client: Client) -> None:
    _, found = looking(client, busy(served))
    assert "".join(drawn(found, letters=ASCII)).isascii()


def test_text_of_others_cannot_command_the_terminal(served: Served, client: Client) -> None:
    study = create(served.client, **PLAIN, search_space=SPACE)
    study.verdict(study.lease(worker="[red]\x1b[31mw"), (1, 0.5))
    _, found = looking(client, study)
    text = "\n".join(drawn(found))
    assert "[red]w" in text
    assert "\x1b" not in text


def test_that_the_service_is_away_stands_where_one_looks(served: Served, client: Client) -> None:
    study = create(served.client, **PLAIN)
    following, found = looking(client, study)
    found.tell("the service does not answer")
    assert drawn(found)[1] == "the service does not answer"
    study.post("/trials/enqueue", {"params": {"learning_rate": 0.1}})
    again(following, found)
    assert "does not answer" not in "".join(drawn(found))


@pytest.mark.parametrize(
    "made",
    [
        {"search_space": {"depth": {"type": "int", "low": 1, "high": 6}}},
        {"max_steps": None},
        {"direction": "maximize", "metric": "accuracy [bold]"},
        {"max_total_steps": 50},
    ],
)
def test_every_kind_of_study_has_a_screen(served: Served, client: Client, made: dict[str, object]) -> None:
    study = create(served.client, **{**PLAIN, **made})
    _, empty = looking(client, study)
    assert len(drawn(empty)) >= 4
    study.finish(study.lease(), value=0.5)
    study.finish(study.lease(), "diverged")
    _, found = looking(client, study)
    assert any("1 diverged" in line for line in drawn(found))
