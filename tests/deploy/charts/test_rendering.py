"""The chart, rendered by Helm's own library and held against the schemas of Kubernetes, KEDA and Prometheus Operator.

These packages are large and have no wheel for some machines: `make test-charts` installs them.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared.settings import PREFIX, load

helm = pytest.importorskip("helm_python")
kubernetes_validate = pytest.importorskip("kubernetes_validate")

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy/helm/photochrom"

#: Oldest and newest version of Kubernetes that the manifests are held against.
VERSIONS = ("1.27", "1.37")

#: What has definitions of its own, and the package that has them.
FOREIGN = {
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}

Manifest = dict[str, Any]
Values = dict[str, Any]

GPU: Values = {
    "name": "gpu",
    "image": "photochrom-worker-cuda",
    "models": ["eccv16", "eccv16-norebal"],
    "gpu": True,
    "slots": 8,
    "minReplicas": 1,
    "itemsPerReplica": 2000,
    "settings": {"DEVICE": "cuda_fp16", "SELF_TEST_ITEMS": "500"},
    "nodeSelector": {"cloud.example.org/gpu": "l4"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
}

#: What people set, by what they are after.
CASES: dict[str, Values] = {
    "as it comes": {},
    "two pools": {"pools": [{"name": "cpu", "models": ["lite"]}, GPU], "models": {"claim": "nets"}},
    "everything": {
        "image": {"registry": "registry.example.org/archive/", "pullSecrets": ["registry"]},
        "storage": {"endpoint": "https://s3.example.org:9000", "pathStyle": True, "secret": "", "ports": [9000]},
        "settings": {"MAX_MEGAPIXELS": "400"},
        "serviceAccount": {"annotations": {"iam.example.org/role": "photochrom"}},
        "api": {"ingress": {"enabled": True, "className": "nginx", "host": "color.example.org", "tlsSecret": "tls"}},
        "monitoring": {"monitors": True, "rules": True, "dashboard": True, "labels": {"release": "prometheus"}},
        "networkPolicy": {
            "apiFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}],
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        },
    },
    "an index of one's own": {"valkey": {"enabled": False, "secret": "index"}},
    "little": {
        "autoscaling": {"enabled": False},
        "sweeper": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "podDisruptionBudgets": False,
        "serviceAccount": {"name": "archive"},
        "valkey": {"enabled": False, "url": "rediss://valkey.example.org:6380/0"},
    },
}


def render(values: Values, name: str = "photochrom") -> list[Manifest]:
    """Returns the manifests under these values."""
    with helm.Chart.load(str(CHART)) as chart:
        chart.validate_schema(values)
        texts = chart.render(values, name=name, namespace="photos")
    found = (each for path, text in texts.items() if path.endswith(".yaml") for each in yaml.safe_load_all(text))
    return [manifest for manifest in found if manifest]


@pytest.fixture(params=CASES, ids=lambda case: case)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    """The manifests of one case."""
    return render(CASES[request.param])


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """Returns one manifest."""
    (found,) = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yields name and template of each deployment."""
    for each in manifests:
        if each["kind"] == "Deployment":
            yield each["metadata"]["name"], each["spec"]["template"]


def variables(template: Manifest, manifests: list[Manifest]) -> dict[str, str]:
    """Returns the variables of a pod's container as far as they are written down."""
    (container,) = template["spec"]["containers"]
    shared = {}
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            shared |= named(manifests, "ConfigMap", source["configMapRef"]["name"])["data"]
    return shared | {entry["name"]: entry["value"] for entry in container.get("env", ()) if "value" in entry}


def closed(schema: Any) -> Any:
    """Returns a schema that takes no property that it does not name, without patterns that are no Python."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(each) for name, each in schema.items() if not (name == "pattern" and "(?i)" in each)}
    return found | ({"additionalProperties": False} if "properties" in found else {})


def check(manifest: Manifest) -> None:
    """Raises what a cluster would answer to a manifest."""
    package = FOREIGN.get(manifest["apiVersion"])
    if package:
        form = getattr(importlib.import_module(package), manifest["kind"])
        jsonschema.validate(manifest, closed(form.model_json_schema()))
    else:
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_helm_finds_nothing() -> None:
    """Helm's lint has no error and no warning, with the values that ship and with others."""
    for values in CASES.values():
        found = helm.lint(str(CHART), values)
        assert not found["errors"]
        assert [entry["error"] for entry in found["messages"] if entry["severity"] > 1] == []


def test_a_cluster_takes_the_manifests(manifests: list[Manifest]) -> None:
    """Each manifest holds against the schema of its kind, in which nothing else is allowed."""
    for manifest in manifests:
        check(manifest)
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("kind", "path"),
    [("Deployment", "spec.template.spec.shareProcesNamespace"), ("ScaledObject", "spec.pollInterval")],
)
def test_a_slip_would_be_found(kind: str, path: str) -> None:
    """A property that there is not is refused, in kinds of Kubernetes and in those of others."""
    manifest = next(each for each in render({}) if each["kind"] == kind)
    *way, last = path.split(".")
    at = manifest
    for step in way:
        at = at[step]
    at[last] = 5
    with pytest.raises(Exception, match=last):
        check(manifest)


def test_what_is_referred_to_exists(manifests: list[Manifest]) -> None:
    """Selectors find pods, services and scalers find what they name, and each port has its name."""
    labels = [template["metadata"]["labels"] for _, template in pods(manifests)]
    names = {name for name, _ in pods(manifests)}
    ports = {port["name"] for _, each in pods(manifests) for port in each["spec"]["containers"][0]["ports"]}
    for each in manifests:
        spec = each.get("spec", {})
        if each["kind"] in ("Service", "NetworkPolicy", "PodDisruptionBudget", "Deployment"):
            selector = spec.get("selector", spec.get("podSelector"))
            wanted = selector.get("matchLabels", selector)
            assert any(wanted.items() <= found.items() for found in labels), each["metadata"]["name"]
        if each["kind"] == "ScaledObject":
            assert spec["scaleTargetRef"]["name"] in names
        for port in [
            *spec.get("ports", ()),
            *(port for rule in spec.get("ingress", ()) for port in rule.get("ports", ())),
        ]:
            assert port.get("targetPort", port.get("port")) in ports


def test_pods_may_little(manifests: list[Manifest]) -> None:
    """No container is root, writes to its image, or has a right that it does not need; each has limits of memory."""
    for name, template in pods(manifests):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        for container in [*spec["containers"], *spec.get("initContainers", ())]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"], name


def test_the_settings_hold(manifests: list[Manifest]) -> None:
    """The variables of each pod are settings that parse."""
    for name, template in pods(manifests):
        if not name.endswith("-valkey"):
            names = [entry["name"] for entry in template["spec"]["containers"][0]["env"]]
            assert len(set(names)) == len(names), name
            found = load(
                {key: value for key, value in variables(template, manifests).items() if key.startswith(PREFIX)}
            )
            assert found.log_format == "json"
            assert found.metrics_port == (0 if name.endswith("-api") else 9464)


def test_a_pool_is_scaled_by_each_of_its_models() -> None:
    """A pool has a trigger a model, on what is unfinished of it, opened by the key that the secret has."""
    manifests = render(CASES["two pools"])
    scaled = named(manifests, "ScaledObject", "photochrom-gpu")["spec"]
    assert [trigger["metadata"]["valueLocation"] for trigger in scaled["triggers"]] == [
        "models.eccv16.unfinished",
        "models.eccv16-norebal.unfinished",
    ]
    (url,) = {trigger["metadata"]["url"] for trigger in scaled["triggers"]}
    service = named(manifests, "Service", "photochrom-api")["spec"]["ports"][0]["port"]
    assert url == f"http://photochrom-api.photos.svc:{service}/v1/queue"
    assert {trigger["metadata"]["targetValue"] for trigger in scaled["triggers"]} == {"2000"}
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 10)
    (reference,) = {trigger["authenticationRef"]["name"] for trigger in scaled["triggers"]}
    secret = named(manifests, "TriggerAuthentication", reference)["spec"]["secretTargetRef"]
    assert secret == [{"parameter": "token", "name": "photochrom-observer", "key": "token"}]
    cpu = named(manifests, "ScaledObject", "photochrom-cpu")["spec"]
    assert cpu["triggers"][0]["metadata"]["targetValue"] == "100"
    assert "replicas" not in named(manifests, "Deployment", "photochrom-cpu")["spec"]


def test_a_pool_with_a_gpu_has_one() -> None:
    """Its pods ask for a GPU, run the nets there, and go where GPUs are; a setting of the pool comes last."""
    manifests = render(CASES["two pools"])
    template = named(manifests, "Deployment", "photochrom-gpu")["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "6Gi", "nvidia.com/gpu": 1}
    assert container["image"].startswith("photochrom-worker-cuda:")
    settings = variables(template, manifests)
    assert (settings["PHOTOCHROM_DEVICE"], settings["PHOTOCHROM_WORKERS"]) == ("cuda_fp16", "8")
    assert settings["PHOTOCHROM_MODELS"] == "eccv16,eccv16-norebal"
    assert template["spec"]["nodeSelector"] == {"cloud.example.org/gpu": "l4"}
    assert "gpu" not in json.dumps(named(manifests, "Deployment", "photochrom-cpu"))


def test_rules_and_dashboard_arrive_whole() -> None:
    """What the operators are given is what lies in deploy/, braces and all."""
    manifests = render(CASES["everything"])
    rules = named(manifests, "PrometheusRule", "photochrom")["spec"]
    assert rules == yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text())
    board = named(manifests, "ConfigMap", "photochrom-dashboard")["data"]["photochrom.json"]
    assert json.loads(board) == json.loads((ROOT / "deploy/grafana/photochrom.json").read_text())


def test_two_releases_share_a_namespace() -> None:
    """Names and selectors of one release meet nothing of the other."""
    one, other = render({}, "east"), render({}, "west")
    assert not {(each["kind"], each["metadata"]["name"]) for each in one} & {
        (each["kind"], each["metadata"]["name"]) for each in other
    }
    for each in one:
        if each["kind"] == "Deployment":
            wanted = each["spec"]["selector"]["matchLabels"].items()
            assert not any(wanted <= template["metadata"]["labels"].items() for _, template in pods(other))


def test_values_that_leave_a_gap_are_refused() -> None:
    """An index that is nowhere, and an ingress without TLS, are refused in words."""
    for values, words in (
        ({"valkey": {"enabled": False}}, "valkey.url"),
        ({"api": {"ingress": {"enabled": True, "host": "a.example.org"}}}, "tlsSecret"),
    ):
        with pytest.raises(helm.HelmError, match=words):
            render(values)
