"""The whole of docker-compose.yml behind the real proxy: a writer that is killed, and workers that do not notice."""

import os
import shutil
import signal
import time
from collections.abc import Callable

import httpx2
import pytest

from tests.deploy.compose import ROOT, grace_seconds
from tests.deploy.stack import Stack, documented_commands
from tests.support.processes import POLL_SECONDS, Program, Programs

needs_haproxy = pytest.mark.skipif(
    shutil.which("haproxy", path="/usr/sbin:/usr/bin") is None, reason="needs HAProxy: apt install haproxy"
)
TRIALS, STEPS = 6, 40


def until(holds: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(POLL_SECONDS)


@needs_haproxy
@pytest.mark.slow
def test_the_documented_commands_bring_it_up_and_a_killed_writer_costs_no_trial(stack: Stack) -> None:
    stack.migrate()
    services = {name: stack.serve(name) for name in ("service-1", "service-2")}
    proxy = stack.proxy()
    stack.wait_until_ready("proxy")
    create, suggest = documented_commands()
    longer = ["--max-trials", str(TRIALS), "--max-steps", str(STEPS)]  # a later flag wins
    created = stack.start("service-1", [*create, *longer])
    assert created.wait(timeout_seconds=60) == 0, created

    workers = [stack.start("worker") for _ in range(2)]
    with stack.admin() as admin:
        until(lambda: _steps(admin) > 5, "the workers train")
        writer, standby = _writer_first(stack)
        os.kill(services[writer].pid, signal.SIGKILL)
        until(lambda: stack.ready(standby), f"{standby} takes over")
        before = _steps(stack.admin(standby))
        until(lambda: _steps(stack.admin(standby)) > before, "the workers train on")

        for worker in workers:
            assert worker.wait(timeout_seconds=200) == 0, worker
        until(lambda: stack.ready("proxy"), "the proxy follows")
        status = admin.get("/studies/digits/status").json()
        trials = admin.get("/studies/digits/trials").json()["items"]
        deeds = admin.get("/audit").json()["items"]
    assert status["state"] == "finished", status
    assert status["trials"]["failed"] == 0, status
    assert len(trials) == TRIALS
    assert {trial["attempt"] for trial in trials} == {1}, trials  # No lease was lost.
    assert {deed["address"] for deed in deeds if deed["action"] == "study.create"} == {"127.0.0.1"}

    again = stack.serve(writer)  # As Docker would start it again: the next standby.
    assert not stack.ready(writer)
    assert stack.healthy(writer)
    suggested = stack.start(writer, suggest)
    assert suggested.wait(timeout_seconds=60) == 0, suggested
    assert "learning_rate" in suggested.stdout

    assert services[standby].terminate(grace_seconds(stack.services[standby])) == 0
    until(lambda: stack.ready("proxy"), "the first one has taken over again")
    assert again.terminate(grace_seconds(stack.services[writer])) == 0, again
    assert proxy.poll() is None, proxy


def _writer_first(stack: Stack) -> tuple[str, str]:
    one, other = sorted(("service-1", "service-2"), key=stack.ready, reverse=True)
    assert stack.ready(one)
    assert not stack.ready(other)
    return one, other


def _steps(client: httpx2.Client) -> int:
    answer = client.get("/studies/digits/status")
    return int(answer.json()["steps"]["trained"]) if answer.status_code == 200 else -1


@needs_haproxy
@pytest.mark.slow
def test_the_proxy_says_who_asks_and_names_requests_and_believes_nobody(stack: Stack) -> None:
    stack.migrate()
    service = stack.serve("service-1")
    stack.services["service-1"]["environment"]["LRTUNE_ACCESS_LOG"] = "true"
    stack.proxy()
    stack.wait_until_ready("proxy")
    with stack.admin() as admin:
        liar = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
        named = admin.post("/studies", json={"name": "named"}, headers=liar | {"X-Request-ID": "mine-17"})
        assert named.headers["x-request-id"] == "mine-17"
        assert "strict-transport-security" not in named.headers
        made_up = admin.get("/studies/named").headers["x-request-id"]
        assert len(made_up) == 36
        (deed,) = [one for one in admin.get("/audit").json()["items"] if one["action"] == "study.create"]
    assert deed["address"] == "127.0.0.1"
    told = httpx2.get(f"http://127.0.0.1:{stack.ports['proxy-metrics']}/metrics").text
    assert 'haproxy_server_status{proxy="services",server="service-1",state="UP"} 1' in told
    assert 'haproxy_server_status{proxy="services",server="service-2",state="UP"} 0' in told

    assert service.terminate(30) == 0
    until(lambda: not stack.ready("proxy"), "the proxy sees that nobody is ready")
    with stack.admin() as admin:
        assert admin.get("/studies").status_code == 503


@needs_haproxy
def test_the_proxys_file_is_without_a_warning(stack: Stack, programs: Programs) -> None:
    environ = stack.environ("proxy") | {"PROXY_METRICS_PORT": "18404"}
    checked: Program = programs.run(
        ["/usr/sbin/haproxy", "-c", "-f", str(ROOT / "deploy/proxy/haproxy.cfg")], environ | {"PROXY_PORT": "18080"}
    )
    assert checked.poll() == 0, checked
    assert "WARNING" not in checked.stderr
