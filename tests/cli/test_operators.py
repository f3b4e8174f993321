"""Operator commands: doctor, models, keys, recover, sweep, and `up` where it cannot start."""

from __future__ import annotations

import io
import os
import re
import socket
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result

from cli.api import check_exposure
from cli.data_lock import DataLock
from cli.tether import VARIABLE, follow_parent
from photochrom.command import main
from shared.errors import Misconfigured
from shared.index import Index
from shared.registry import shipped
from shared.settings import load
from shared.storage.directory import DirectoryStore
from tests.house import House, make_house, picture
from worker.host import prove_host
from worker.workshop import served_models


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str) -> Path:
    """A storage folder and a Valkey that the commands find through the environment."""
    monkeypatch.setenv("PHOTOCHROM_STORAGE_URL", str(tmp_path / "objects"))
    monkeypatch.setenv("PHOTOCHROM_REDIS_URL", redis_url)
    return tmp_path


def run(*arguments: str) -> Result:
    """Runs a command in this process."""
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def test_doctor_checks_everything(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check gets a line; one that fails gives exit status 2 and the code."""
    healthy = run("doctor")
    assert healthy.exit_code == 0, healthy.output
    for part in ("kernels", "nets", "storage", "index"):
        assert part in healthy.stdout
    assert run("doctor", "--warm").exit_code == 0
    monkeypatch.setenv("PHOTOCHROM_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("PHOTOCHROM_MODELS", "lite,eccv16")
    sick = run("doctor")
    assert sick.exit_code == 2
    assert "[index_unavailable]" in sick.stdout
    assert "[model_missing]" in sick.stdout
    assert "`photochrom models pull eccv16`" in sick.stdout


def test_keys_are_made_listed_and_revoked(data: Path) -> None:
    """A key is printed once; the list shows the beginning of its hash, which revokes it, its scopes and its state."""
    made = run("keys", "create", "--tenant", "museum", "--name", "scanner")
    assert made.stdout.startswith("pc_")
    listed = run("keys", "list").stdout
    assert re.search(r"  museum  \S+  read,submit  good  scanner\n$", listed)
    assert made.stdout.strip() not in listed
    assert run("keys", "revoke", "zz").exit_code == 2
    assert run("keys", "revoke", listed.split()[0]).exit_code == 0
    assert re.search(r"  revoked \S+Z  scanner\n$", run("keys", "list").stdout)
    assert run("keys", "create", "--tenant", "../up").exit_code == 2


def test_a_key_has_scopes_an_end_and_a_successor(data: Path) -> None:
    """Scopes and lifetime are given at its making; a rotated key has both, and the old one ends with the overlap."""
    assert run("keys", "create", "--scope", "admin", "--scope", "read", "--expires", "90d").exit_code == 0
    for wrong in ("90", "d", "0d", "-1d"):
        assert run("keys", "create", "--expires", wrong).exit_code == 2, wrong
    assert run("keys", "create", "--scope", "all").exit_code == 2
    (row,) = run("keys", "list").stdout.splitlines()
    old = row.split()[0]
    assert "  admin,read  good until " in row
    rotated = run("keys", "rotate", old, "--overlap", "1h")
    assert rotated.stdout.startswith("pc_")
    assert "3,600 s more" in rotated.stderr
    before, after = run("keys", "list").stdout.splitlines()
    assert before.startswith(old)
    assert before.split()[6] < after.split()[6]
    assert after.split()[3] == "admin,read"
    run("keys", "revoke", old)
    assert run("keys", "rotate", old).exit_code == 2


def test_recover_and_sweep_rebuild_the_index(data: Path, client: redis.Redis) -> None:
    """After a wipe `recover` says what it found and brings it back; `sweep --once` does the same quietly."""
    house = make_house(client, store=DirectoryStore(data / "objects"))
    form = {"image": (io.BytesIO(picture()), "a.png")}
    job = house.http().post("/v1/jobs", data=form, content_type="multipart/form-data").json["id"]
    client.flushall()
    recovered = run("recover")
    assert f"{job}  default  registered again" in recovered.stdout
    assert Index(client).progress(job) is not None
    assert "1 in the index already" in run("recover").stdout
    client.flushall()
    assert "Swept" in run("sweep", "--once").stdout
    assert Index(client).progress(job) is not None
    assert "Another sweeper leads" in run("sweep", "--once").stdout


def test_without_keys_only_loopback_is_served(data: Path) -> None:
    """Another address is refused until there is a key."""
    with pytest.raises(Misconfigured, match="keys create"):
        check_exposure(load(api_host="0.0.0.0"))
    check_exposure(load(api_host="127.0.0.1"))
    run("keys", "create")
    check_exposure(load(api_host="0.0.0.0"))


def test_a_port_in_use_names_the_way_out(data: Path) -> None:
    """`up` on a port that is taken ends with status 2 and another port to try."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("up", "--data", str(data / "up"), "--port", str(port))
    assert result.exit_code == 2
    assert f"--port {port + 1}" in result.stderr


def test_a_data_folder_has_one_holder(tmp_path: Path) -> None:
    """A second holder is refused with the first one's pid and address."""
    first, second = DataLock(tmp_path), DataLock(tmp_path)
    first.take(patience=0, address="http://127.0.0.1:8080")
    with pytest.raises(Misconfigured, match=re.escape(f"process {os.getpid()} at http://127.0.0.1:8080")):
        second.take(patience=0, address="http://127.0.0.1:9999")
    os.close(first.descriptor)
    second.take(patience=5, address="http://127.0.0.1:9999")
    os.close(second.descriptor)


def test_a_process_on_its_own_has_no_tether(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a child that `up` started follows a parent."""
    monkeypatch.delenv(VARIABLE, raising=False)
    follow_parent()
    assert VARIABLE not in os.environ


def test_a_host_proves_what_it_announces(tmp_path: Path) -> None:
    """A host announces the models that it has loaded and proved."""
    host = prove_host(load({}, workers=2, host="here", cache_dir=tmp_path), shipped())
    assert (host.name, host.slots, set(host.models)) == ("here", 2, {"lite"})
    assert host.engine.startswith("cv2")


def test_models_to_serve_are_chosen(tmp_path: Path) -> None:
    """By name, or all whose files are here; names that do not hold are refused."""
    for settings in (load({}, models="lite"), load({}, models_dir=tmp_path)):
        assert [model.name for model in served_models(settings, shipped()).values()] == ["lite"]
    for settings, code in (
        (load({}, models="lite,"), "invalid_setting"),
        (load({}, models="x"), "unknown_model"),
        (load({}, models="eccv16", models_dir=tmp_path), "model_missing"),
        (load({}, models="eccv16-norebal", models_dir=tmp_path), "model_missing"),
    ):
        with pytest.raises(Exception, match=r".") as caught:
            served_models(settings, shipped())
        assert caught.value.code == code  # type: ignore[attr-defined]


def test_the_house_has_a_home(house: House) -> None:
    """Owners of claims begin with the host's name and are never the same twice."""
    first, second = house.shop.new_owner(), house.shop.new_owner()
    assert first != second
    assert first.startswith("host/")
