"""Where `lrtune mcp --http` listens, and what is said where it cannot, or the package is absent."""

import socket
import sys

import httpx2
import pytest

from tests.cli.commands.mcp.talking import COMMAND
from tests.cli.conftest import Lrtune
from tests.end_to_end.conftest import START_SECONDS, environ
from tests.support.processes import Programs


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("8081", "--http 8081: give HOST:PORT, such as 127.0.0.1:8081"),
        ("127.0.0.1:", "--http 127.0.0.1:: give HOST:PORT, such as 127.0.0.1:8081"),
        ("127.0.0.1:70000", "--http 127.0.0.1:70000: give HOST:PORT, such as 127.0.0.1:8081"),
        (
            "0.0.0.0:8081",
            "--http 0.0.0.0:8081: other machines would reach it, and it asks for no token: take",
        ),
        ("[::]:8081", "--http [::]:8081: other machines would reach it"),
        ("nowhere.invalid:8081", "--http nowhere.invalid:8081: cannot listen there"),
    ],
)
def test_it_listens_on_this_machine_alone(lrtune: Lrtune, place: str, said: str) -> None:
    ran = lrtune("mcp", "--http", place)
    assert ran.code in (1, 2)
    assert ran.err.startswith(f"lrtune: {said}"), ran.err
    assert ran.err.count("\n") == 1


def test_a_port_in_use_is_named(lrtune: Lrtune) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = lrtune("mcp", "--http", place)
    assert ran.code == 1
    assert (
        ran.err
        == f"lrtune: --http {place}: cannot listen there: Address already in use; take another address or port\n"
    )


def test_without_its_package_it_names_the_extra(lrtune: Lrtune, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("lrtune.service.cli.commands.mcp.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    ran = lrtune("mcp")
    assert ran.code == 2
    assert ran.err == "lrtune: this command needs mcp_types: pip install 'lrtune[mcp]'\n"


def test_pages_of_other_sites_are_turned_away(address: str, programs: Programs) -> None:
    served = programs.start([sys.executable, *COMMAND, "--http", "127.0.0.1:0"], environ(LRTUNE_SERVER=address))
    place = served.wait_for_line(r"^lrtune mcp serving on (http://\S+)$", START_SECONDS)[1]
    hello = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    kinds = {"Accept": "application/json, text/event-stream"}
    for name, value in (("Origin", "https://evil.example"), ("Host", "evil.example")):
        answer = httpx2.post(place, json=hello, headers={**kinds, name: value})
        assert answer.status_code in (403, 421), name


def test_it_needs_no_more_than_its_extra_brings(programs: Programs) -> None:
    """Neither the service's packages nor torch, which a laptop that an agent runs on may lack."""
    absent = ("fastapi", "sqlalchemy", "optuna", "alembic", "torch", "sklearn", "scipy", "plotly", "pandas")
    tools = "lrtune.service.cli.commands.mcp"
    program = f"""
import sys
sys.modules.update(dict.fromkeys({absent!r}))
from {tools}.command import mcp
from {tools} import serving
from {tools}.tools.catalogue import TOOLS
rates = [1e-5 * 1.2**step for step in range(60)]
preview = dict(schedule="cosine", base_learning_rate=0.1, total_steps=10, picture=True)
print(len(TOOLS["schedule_preview"].call(None, preview).pictures[0]) > 1000)
test = dict(learning_rates=rates, losses=[2.0 - 0.03 * step for step in range(60)])
print(TOOLS["range_test"].call(None, test).said.signal)
"""
    ran = programs.run([sys.executable, "-c", program], environ(), 60)
    assert ran.stdout.split() == ["True", "True"], ran
