"""The Helm chart: what can be said of it as it lies there. tests/deploy/charts/ renders it."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from api.keys import Scope
from api.scopes import NEEDS
from shared.settings import PREFIX, Settings, load

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/photochrom"
TEMPLATES = "\n".join(path.read_text() for path in sorted((CHART / "templates").iterdir()))
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


def check(values: dict[str, Any]) -> None:
    """Raises ValidationError for values that the schema refuses."""
    jsonschema.validate(values, json.loads((CHART / "values.schema.json").read_text()))


def test_the_values_fit_their_schema() -> None:
    """The values that ship hold, and the schema names each of them and no other."""
    check(VALUES)
    schema = json.loads((CHART / "values.schema.json").read_text())

    def compare(value: Any, form: dict[str, Any], path: str) -> None:
        if isinstance(value, dict) and form.get("additionalProperties") is False and value:
            missing = set(form["properties"]) - set(value) - {"global", "requests", "limits", "claims"}
            assert not missing, (path, missing)
            for name, inner in value.items():
                compare(inner, form["properties"][name], f"{path}.{name}")

    compare(VALUES, schema, "values")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("api.replcas", 3),  # misspelled
        ("storage.url", "/srv/objects"),  # a folder of one pod
        ("settings.MAX_BYTES", 5),  # YAML has made a number of it
        ("settings.PHOTOCHROM_MAX_BYTES", "5"),  # the prefix is added
        ("pools.0.models", []),  # KEDA would have nothing to ask for
        ("pools.0.name", "api"),  # the name of another part
        ("poolDefaults.device", "cpu"),
    ],
)
def test_what_cannot_work_is_refused(path: str, value: object) -> None:
    """The schema refuses what Kubernetes would take and the pods would not."""
    values = json.loads(json.dumps(VALUES))
    *way, last = path.split(".")
    at: Any = values
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    at[last] = value
    with pytest.raises(jsonschema.ValidationError):
        check(values)


def test_the_version_is_ours() -> None:
    """Chart and image tags have the version of the distribution."""
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert version
    assert chart["version"] == chart["appVersion"] == version[1]


def test_images_and_folders_are_those_of_the_dockerfiles() -> None:
    """Each image has a Dockerfile, and the folders over which something is mounted are the ones that these make."""
    for image in (VALUES["api"]["image"], VALUES["poolDefaults"]["image"], "photochrom-worker-cuda"):
        assert (ROOT / f"deploy/{image.removeprefix('photochrom-')}.Dockerfile").is_file()
    worker = (ROOT / "deploy/worker.Dockerfile").read_text()
    for folder in set(re.findall(r"mountPath: (/var/\S+?)[,\s]", TEMPLATES)):
        assert re.search(rf"install -d .*{folder}\b", worker), folder
    assert set(re.findall(r"USER (\d+)", worker)) == set(re.findall(r"runAsUser: (1\d+)", TEMPLATES))


def test_every_variable_is_a_setting() -> None:
    """Each variable of ours in the templates is a setting, and what is written there parses."""
    known = {PREFIX + entry.name.upper() for entry in fields(Settings)}
    prefixed = set(re.findall(rf"name: ({PREFIX}[A-Z0-9_]+)", TEMPLATES))
    keyed = {PREFIX + name for name in re.findall(r"\"([A-Z][A-Z0-9_]+)\" ", TEMPLATES)} - {PREFIX + "ALL"}
    assert {"PHOTOCHROM_API_HOST", "PHOTOCHROM_METRICS_HOST"} <= prefixed
    assert {"PHOTOCHROM_STORAGE_URL", "PHOTOCHROM_WORKERS", "PHOTOCHROM_DEVICE"} <= keyed
    assert prefixed | keyed <= known
    load(dict(re.findall(rf"name: ({PREFIX}\w+), value: \"?([\w.]+)\"? }}", TEMPLATES)))


def test_it_asks_for_what_the_api_has() -> None:
    """The autoscaler's and Prometheus' addresses are routes that a key with the scope `observe` opens."""
    for route in ("/v1/queue", "/metrics"):
        assert route in TEMPLATES
        assert NEEDS["GET", route] == {Scope.OBSERVE}
    assert NEEDS["GET", "/healthz"] == frozenset()


def test_no_secret_is_in_the_chart() -> None:
    """Secrets are names of what exists; none is made here."""
    assert "kind: Secret\n" not in TEMPLATES
    for path in CHART.rglob("*"):
        if path.is_file():
            assert not re.search(r"(?i)(password|secret_key|token): *[\"']?[\w+/]{12,}", path.read_text()), path


def test_rules_and_dashboard_are_the_ones_for_everybody() -> None:
    """The chart's files lead to the rules and the dashboard outside of it."""
    assert (CHART / "files/alerts.yaml").resolve() == ROOT / "deploy/alerts.yaml"
    assert (CHART / "files/dashboard.json").resolve() == ROOT / "deploy/grafana/photochrom.json"


def test_every_action_ends() -> None:
    """In each template as many blocks end as begin."""
    for path in (CHART / "templates").iterdir():
        text = re.sub(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}", "", path.read_text(), flags=re.DOTALL)
        begun = len(re.findall(r"\{\{-?\s*(?:if|range|with|define|block)\b", text))
        assert begun == len(re.findall(r"\{\{-?\s*end\s*-?\}\}", text)), path.name
        assert text.count("{{") == text.count("}}"), path.name
