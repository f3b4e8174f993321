"""compose.yaml cannot be run here; what can be known of it without Docker is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import boto3
import compose_spec
import pytest
import yaml
from moto.server import ThreadedMotoServer

from shared.settings import PREFIX, Settings, load

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/compose.yaml"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    """The file, parsed and with its merges done."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


@pytest.fixture(scope="module")
def services(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Its services."""
    found: dict[str, dict[str, Any]] = spec["services"]
    return found


def test_it_is_a_compose_file(spec: dict[str, Any]) -> None:
    """The file follows the Compose Specification, and one with a misspelled key would not."""
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(spec)).validate()
    spec["services"]["api"]["prots"] = spec["services"]["api"]["ports"]
    try:
        with pytest.raises(ValueError, match="prots"):
            compose_spec.PyCompose.from_yaml(yaml.safe_dump(spec))
    finally:
        del spec["services"]["api"]["prots"]


def test_it_has_all_parts(services: dict[str, Any]) -> None:
    """API, worker, index, storage and the step that makes the bucket are there; who watches, only where asked for."""
    parts = {name for name, service in services.items() if "profiles" not in service}
    assert parts == {"api", "worker", "valkey", "storage", "bucket"}
    assert {name for name, service in services.items() if service.get("profiles") == ["watch"]} == set(services) - parts


def test_images_are_pinned(services: dict[str, Any]) -> None:
    """Each image has a tag that names a version."""
    for name, service in services.items():
        assert re.fullmatch(r"[a-z/-]+:v?\d+(\.\d+)+", service["image"]), name


def test_builds_find_their_files(services: dict[str, Any]) -> None:
    """Each image that is ours is built from the repository's root by a Dockerfile that exists."""
    for service in services.values():
        if service["image"].startswith("photochrom-"):
            context = (FILE.parent / service["build"]["context"]).resolve()
            assert context == ROOT
            assert (context / service["build"]["dockerfile"]).is_file()


def test_the_image_has_this_version(services: dict[str, Any]) -> None:
    """The tag of our images is the version of the distribution."""
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    tags = {service["image"].partition(":")[2] for service in services.values() if "build" in service}
    assert tags == {version[1]}


def test_what_is_referred_to_exists(spec: dict[str, Any], services: dict[str, Any]) -> None:
    """Services wait for services that exist, for their health only where they have a check, and mount known volumes."""
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            assert name in services
            if how["condition"] == "service_healthy":
                assert "test" in services[name]["healthcheck"]
            if how["condition"] == "service_completed_successfully":
                assert services[name]["restart"] == "no"
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            assert (FILE.parent / source).exists() if source.startswith("./") else source in spec["volumes"]
        assert set(service.get("secrets", ())) <= set(spec["secrets"])


def test_every_variable_is_a_setting(services: dict[str, Any]) -> None:
    """Each PHOTOCHROM_ variable is one that the program reads, with a value that it takes."""
    known = {PREFIX + entry.name.upper() for entry in fields(Settings)}
    for service in services.values():
        ours = {name: value for name, value in service.get("environment", {}).items() if name.startswith(PREFIX)}
        assert set(ours) <= known
        settings = load({name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in ours.items()})
        if ours:
            assert settings.storage_url == "s3://photochrom"
            assert settings.s3_path_style
            assert settings.redis_url.startswith("redis://valkey:6379")


def test_addresses_lead_to_services(services: dict[str, Any]) -> None:
    """The addresses in the variables name services of the file."""
    environment = services["worker"]["environment"]
    for name in ("PHOTOCHROM_S3_ENDPOINT_URL", "PHOTOCHROM_REDIS_URL"):
        assert re.fullmatch(r"\w+://(\w+):\d+(/\d)?", environment[name])[1] in services  # type: ignore[index]


def test_only_the_api_can_be_reached_and_only_from_here(services: dict[str, Any]) -> None:
    """No port is published but the API's and those of who watches, and these on the loopback address."""
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published.pop("api") == ["127.0.0.1:8080:8080"]
    assert all(service.startswith("127.0.0.1:") for ports in published.values() for service in ports)
    assert set(published) == {"prometheus", "grafana"}
    assert services["api"]["environment"]["PHOTOCHROM_API_PORT"] == "8080"


def test_the_index_throws_nothing_away_and_keeps_nothing(services: dict[str, Any]) -> None:
    """Valkey runs without eviction and without persistence."""
    words = " ".join(services["valkey"]["command"])
    assert "--maxmemory-policy noeviction" in words
    assert "--save  --appendonly no" in words


def test_workers_keep_their_models(services: dict[str, Any]) -> None:
    """The models folder of the workers is a volume, at the place that the images make for the user to write to."""
    folder = services["worker"]["environment"]["PHOTOCHROM_MODELS_DIR"]
    assert f"models:{folder}" in services["worker"]["volumes"]
    for name in ("worker.Dockerfile", "worker-cuda.Dockerfile"):
        text = (ROOT / "deploy" / name).read_text()
        assert f"PHOTOCHROM_MODELS_DIR={folder}" in text
        assert re.search(rf"install -d -o photochrom .*{folder}$", text, re.MULTILINE)


def test_workers_can_be_many(services: dict[str, Any]) -> None:
    """Nothing of a worker is unique: no fixed name, no port."""
    assert not {"container_name", "hostname", "ports"} & set(services["worker"])
    assert "PHOTOCHROM_HOST" not in services["worker"]["environment"]


def test_prometheus_asks_where_metrics_are(services: dict[str, Any], spec: dict[str, Any]) -> None:
    """Its targets are services at the ports where they tell, found by name; the key is a secret."""
    config = yaml.safe_load((FILE.parent / "prometheus.yaml").read_text())
    found = {}
    for job in config["scrape_configs"]:
        (place,) = job["dns_sd_configs"]
        (name,) = place["names"]
        found[name] = str(place["port"])
    assert found == {
        "api": services["api"]["environment"]["PHOTOCHROM_API_PORT"],
        "worker": services["worker"]["environment"]["PHOTOCHROM_METRICS_PORT"],
    }
    key = config["scrape_configs"][0]["authorization"]["credentials_file"]
    assert key.removeprefix("/run/secrets/") in spec["secrets"]
    mounted = {mount.split(":")[1] for mount in services["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{name}" for name in config["rule_files"]} <= mounted


def test_no_secret_is_in_the_file(services: dict[str, Any]) -> None:
    """Keys come from outside, and without them nothing starts."""
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if "KEY" in name:
                assert re.fullmatch(r"\$\{S3_(ACCESS|SECRET)_KEY:\?.+\}", value), name


def test_the_bucket_is_made_once(services: dict[str, Any]) -> None:
    """The step that makes the bucket makes it, and is content if it is run again."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        service = services["bucket"]
        environment = {
            **os.environ,
            **{name: value for name, value in service["environment"].items() if "$" not in value},
            "PHOTOCHROM_S3_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        _, *options = service["entrypoint"]
        for _ in range(2):
            subprocess.run([sys.executable, *options, *service["command"]], env=environment, cwd=ROOT, check=True)
        client = boto3.client(
            "s3",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        # The simulator's buckets are those of the whole process.
        assert "photochrom" in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    finally:
        server.stop()
