"""Alerts and dashboard speak of metrics that exist, and every alert says what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.metrics_page import documented

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/metrics.md").read_text()
ALERTS = ROOT / "deploy/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/photochrom.json"

#: Of Prometheus itself, node_exporter and cAdvisor.
FOREIGN = re.compile(r"up|node_\w+|container_\w+")

#: What is written like a metric: a word that no parenthesis follows, outside of braces, brackets and quotes.
WORD = re.compile(r"\b[a-z]\w*_\w+\b(?!\s*\()|\bup\b")


def series() -> set[str]:
    """Returns the names that samples have."""
    ends = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + end for name, (kind, _) in documented().items() for end in ends.get(kind, ("",))}


def rules() -> list[dict[str, Any]]:
    """Returns the alerts."""
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expressions() -> Iterator[str]:
    """Yields every expression of alerts and dashboard."""
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def test_what_is_asked_for_exists() -> None:
    """Each metric in an expression is on the page, and each label that an expression names belongs to one of them."""
    known = {label for _, labels in documented().values() for label in labels}
    known |= {"instance", "job", "le", "pod", "container", "fstype"}
    for expression in expressions():
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|group_left) \([^)]*\)", "", expression)
        names = set(WORD.findall(bare))
        assert names, expression
        assert {name for name in names if not FOREIGN.fullmatch(name)} <= series(), expression
        labels = set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", expression))
        labels |= {word for found in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression) for word in found.split(", ")}
        assert labels - {""} <= known, expression


def test_a_misspelled_metric_is_found() -> None:
    """What the test above takes for metrics are all of them."""
    found = set(WORD.findall("sum by (instance) (rate(photochrom_itmes_total[5m])) / time() > photochrom_slots"))
    assert found == {"photochrom_itmes_total", "photochrom_slots"}


def test_every_alert_says_what_to_do() -> None:
    """Each alert has a severity, words with its labels, and a heading on the page that its runbook leads to."""
    headings = {heading.lower() for heading in re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)}
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert {name.lower() for name in names} == headings
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook"] == f"docs/metrics.md#{rule['alert'].lower()}"


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool comes with Prometheus")
@pytest.mark.parametrize("arguments", [("check", "rules", str(ALERTS)), ("test", "rules", "alerts.yaml")])
def test_prometheus_takes_the_rules(arguments: tuple[str, ...]) -> None:
    """Prometheus' own tool takes the rules, and they fire when and only when they should."""
    done = subprocess.run(
        ["promtool", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool comes with Prometheus")
def test_prometheus_takes_every_expression(tmp_path: Path) -> None:
    """Prometheus' own parser takes the dashboard's expressions, and would not take one with a slip."""
    for slip, verdict in (("", 0), (" by", 1)):
        rules = [{"record": "any", "expr": each.replace("$worker", ".*") + slip} for each in expressions()]
        file = tmp_path / "rules.yaml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "any", "rules": rules}]}))
        done = subprocess.run(
            ["promtool", "check", "rules", "--lint=none", str(file)], capture_output=True, text=True, check=False
        )
        assert done.returncode == verdict, done.stderr


def test_every_alert_is_tried() -> None:
    """Each alert over our own metrics is seen to fire in the rules' tests, but for those of rates and sizes alone."""
    tests = yaml.safe_load((Path(__file__).parent / "alerts.yaml").read_text())["tests"]
    tried = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert {rule["alert"] for rule in rules()} - tried == {
        "LeasesLost",
        "SandboxDies",
        "ApiSlow",
        "MemoryHigh",
        "DiskFull",
    }


def test_the_dashboard_can_be_imported() -> None:
    """The dashboard has a fixed name, asks the data source that a person chooses, and its panels do not overlap."""
    board = json.loads(DASHBOARD.read_text())
    assert board["uid"] == "photochrom"
    assert board["schemaVersion"] >= 39
    assert board["templating"]["list"][0]["type"] == "datasource"
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
