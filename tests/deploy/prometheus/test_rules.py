"""The alerts: they fire when they should, and name metrics that there are."""

from pathlib import Path

import pytest
import yaml

from lrtune.service.api.metrics import Metrics
from tests.deploy.prometheus.server import FOLDER, PROMTOOL, dashboard_queries, named_in
from tests.deploy.stack import BIN
from tests.support.processes import Programs, bare_environ

RULES = [rule for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"] for rule in group["rules"]]
CASES = Path(__file__).parent / "rules_test.yml"
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: apt install prometheus")


def _promtool(programs: Programs, folder: Path, *arguments: str) -> None:
    assert PROMTOOL is not None
    ran = programs.run([PROMTOOL, *arguments], bare_environ(BIN, folder), timeout_seconds=60)
    assert ran.poll() == 0, ran


@needs_promtool
def test_the_files_are_read_by_prometheus(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text((FOLDER / "rules.yml").read_text())
    token = tmp_path / "token"
    token.write_text("x")
    text = (FOLDER / "prometheus.yml").read_text().replace("/run/secrets/metrics-token", str(token))
    (tmp_path / "prometheus.yml").write_text(text)
    _promtool(programs, tmp_path, "check", "config", str(tmp_path / "prometheus.yml"))


@needs_promtool
def test_each_alert_fires_when_it_should_and_not_else(programs: Programs, tmp_path: Path) -> None:
    _promtool(programs, tmp_path, "test", "rules", str(CASES))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_tested_says_how_bad_it_is_and_what_to_do(rule: dict[str, object]) -> None:
    cases = yaml.safe_load(CASES.read_text())["tests"]
    fired = {one["alertname"] for case in cases for one in case["alert_rule_test"] if one.get("exp_alerts")}
    assert rule["alert"] in fired
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert rule["annotations"].keys() == {"summary", "action"}  # type: ignore[attr-defined]


def test_alerts_and_dashboard_name_metrics_that_there_are() -> None:
    suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
    known = {
        f"{metric.name}{suffix}"
        for metric in Metrics().registry.collect()
        for suffix in suffixes.get(metric.type, [""])
    }
    asked = {name for rule in RULES for name in named_in(str(rule["expr"]))}
    shown = {name for _, query in dashboard_queries() for name in named_in(query)}
    assert {name for name in asked | shown if not name.startswith("haproxy_")} <= known
    # A dashboard that shows all: what is counted and not looked at is not noticed.
    families = {metric.name for metric in Metrics().registry.collect() if metric.name.startswith("lrtune_")}
    unseen = {name for name in families if not any(seen.startswith(name) for seen in asked | shown)}
    assert unseen == set()
