"""A real Prometheus, for a test."""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import httpx2
import yaml

from tests.deploy.compose import ROOT
from tests.deploy.stack import BIN, free_port
from tests.support.processes import POLL_SECONDS, Programs, bare_environ

PROMETHEUS = shutil.which("prometheus", path="/usr/bin:/usr/local/bin")
PROMTOOL = shutil.which("promtool", path="/usr/bin:/usr/local/bin")
FOLDER = ROOT / "deploy/prometheus"
DASHBOARD = ROOT / "deploy/grafana/dashboards/lrtune.json"
_RATE_INTERVAL = "15s"


class Server:
    """Scrapes every second, by the file of the tree with other addresses."""

    def __init__(self, programs: Programs, folder: Path, token: Path, targets: dict[str, list[str]]) -> None:
        configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        for job in configuration["scrape_configs"]:
            job["static_configs"] = [{"targets": targets[job["job_name"]]}]
            if "authorization" in job:
                job["authorization"]["credentials_file"] = str(token)
        folder.mkdir()
        shutil.copy(FOLDER / "rules.yml", folder)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        port = free_port()
        assert PROMETHEUS is not None
        command = [
            PROMETHEUS,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        self.program = programs.start(command, bare_environ(BIN, folder))
        self._client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples that a query finds now. Fails where Prometheus cannot read it."""
        answer = self._client.get("/api/v1/query", params={"query": expression})
        assert answer.status_code == 200, (expression, answer.text)
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def value(self, expression: str) -> float:
        """The one number of a query; NaN where it finds none."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else float("nan")

    def wait_until(self, expression: str, seconds: float = 60) -> None:
        """Wait until a query finds something."""
        deadline = time.monotonic() + seconds
        while not self._found(expression):
            assert time.monotonic() < deadline, (expression, self.program)
            time.sleep(POLL_SECONDS)

    def _found(self, expression: str) -> bool:
        try:
            ready = self._client.get("/-/ready").status_code == 200
        except httpx2.HTTPError:  # It starts.
            return False
        return ready and bool(self.query(expression))

    def names(self) -> set[str]:
        """Of all that it has scraped."""
        answer = self._client.get("/api/v1/label/__name__/values").json()
        return set(answer["data"])


def dashboard_queries() -> list[tuple[str, str]]:
    """(panel, query) of the dashboard, Grafana's variable filled in."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [
        (panel["title"], re.sub(r"\$__rate_interval", _RATE_INTERVAL, target["expr"]))
        for panel in panels
        for target in panel.get("targets", ())
    ]


def named_in(expression: str) -> set[str]:
    """The metrics that an expression names."""
    return set(re.findall(r"\b(?:lrtune|process|haproxy)_[a-z_]+\b", expression))
