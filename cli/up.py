"""`photochrom up`: everything on one machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from cli.children import Child
from cli.data_lock import DataLock
from cli.embedded import EmbeddedValkey
from cli.reporting import Command
from shared import layout
from shared.errors import Misconfigured
from shared.settings import Settings, environment, load
from shared.storage.opening import open_store

#: How long a data folder that another `up` is just leaving is waited for, seconds.
_LOCK_PATIENCE = 10.0

#: How long the parts may take to get ready: the first start compiles kernels, seconds.
_READY_PATIENCE = 120.0

#: How long the parts may take to stop before they are killed, seconds, and the API's share of it.
_STOP_PATIENCE = 8.0
_API_STOP_PATIENCE = 2.0

_POLL = 0.2


@click.command(cls=Command)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("photochrom-data"),
    envvar="PHOTOCHROM_DATA",
    show_default=True,
    help="Folder for masters, results and logs.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of API and page; 8080 by default.")
@click.option("--workers", type=click.IntRange(1), help="Worker processes; one a core by default.")
def up(data: Path, port: int | None, workers: int | None) -> None:
    """Run everything on this machine: page, API, workers, storage."""
    data = data.resolve()
    (data / "logs").mkdir(parents=True, exist_ok=True)
    settings = load(
        storage_url=str(data / "objects"), api_port=port, workers=workers or load().workers or os.cpu_count()
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    lock = DataLock(data)
    lock.take(patience=_LOCK_PATIENCE, address=_address(settings))
    _check_port(settings)
    with _running(settings, data, lock) as house:
        _wait_ready(house, settings, stop)
        if not stop.is_set():
            click.echo(_block(settings, data))
        failed = _supervise(house, stop)
        click.echo("\nStopping ...", err=True)
    if failed:
        raise Misconfigured(failed)
    click.echo("Stopped. Unfinished work goes on at the next start.", err=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _House:
    """What runs."""

    valkey: EmbeddedValkey
    api: Child
    worker: Child


@contextmanager
def _running(settings: Settings, data: Path, lock: DataLock) -> Iterator[_House]:
    """Starts Valkey, API and worker host; stops them in order: API, workers, Valkey."""
    reading, writing = os.pipe()
    logs = data / "logs"
    valkey = EmbeddedValkey(logs / "valkey.log", pass_fds=(lock.descriptor,))
    variables = environment(settings) | {"PHOTOCHROM_REDIS_URL": valkey.url, "PHOTOCHROM_LOG_FORMAT": "json"}

    def child(name: str) -> Child:
        return Child(
            name=name,
            arguments=(name,),
            environment=variables,
            log=logs / f"{name}.log",
            tether=reading,
            pass_fds=(lock.descriptor,),
        )

    house = _House(valkey=valkey, api=child("api"), worker=child("worker"))
    try:
        valkey.start()
        house.api.start()
        house.worker.start()
        yield house
    finally:
        begun = time.monotonic()
        house.api.terminate()
        house.api.wait(begun + _API_STOP_PATIENCE)
        house.worker.terminate()
        house.worker.wait(begun + _STOP_PATIENCE)
        valkey.stop()
        os.close(writing)
        os.close(reading)


def _supervise(house: _House, stop: threading.Event) -> str | None:
    """Starts again what ends, until `stop`; returns why it gave up, or None."""
    while not stop.wait(_POLL):
        if not house.valkey.running():
            click.echo("Valkey ended; it is started again and rebuilt from storage.", err=True)
            house.valkey.start()
        for child in (house.api, house.worker):
            if child.ended() and not child.restart():
                return f"The {child.name} ends again and again; {child.log} says why:\n{_tail(child.log)}"
    return None


def _wait_ready(house: _House, settings: Settings, stop: threading.Event) -> None:
    """Waits until storage, index and a worker are there; raises Misconfigured where a part does not come up."""
    until = time.monotonic() + _READY_PATIENCE
    detail: Any = "no answer"
    while not stop.wait(_POLL):
        for child in (house.api, house.worker):
            if child.ended():
                raise Misconfigured(f"The {child.name} does not start; {child.log} says why:\n{_tail(child.log)}")
        try:
            with urllib.request.urlopen(f"{_address(settings)}/readyz", timeout=5):  # noqa: S310 - our own address
                return
        except urllib.error.HTTPError as error:
            detail = json.load(error).get("checks")
        except OSError as error:
            detail = str(error)
        if time.monotonic() > until:
            raise Misconfigured(f"Not ready after {_READY_PATIENCE:.0f} s: {detail}. See {house.api.log.parent}.")


def _check_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.api_host, settings.api_port))
        except OSError as error:
            raise Misconfigured(
                f"Port {settings.api_port} on {settings.api_host} cannot be used: {error.strerror}. "
                f"Choose another, for example: photochrom up --port {settings.api_port + 1}"
            ) from error


def _address(settings: Settings) -> str:
    return f"http://{settings.api_host}:{settings.api_port}"


def _block(settings: Settings, data: Path) -> str:
    """Returns what a person reads when all is up."""
    address = _address(settings)
    command = "photochrom" if shutil.which("photochrom") else os.path.relpath(Path(sys.argv[0]))
    server = "" if settings.api_port == 8080 else f" --server {address}"
    with urllib.request.urlopen(f"{address}/v1/models", timeout=5) as answer:  # noqa: S310 - our own address
        nets = [model["name"] for model in json.load(answer)["models"] if model["available"]]
    store = open_store(settings)
    waiting = sum(1 for _ in store.list(layout.OPEN))
    unfinished = f"\n  Unfinished  {waiting} job{'s' if waiting > 1 else ''} from before: going on\n" if waiting else ""
    return f"""
Photochrom is running.

  Page        {address}
  One photo   curl -F image=@photo.jpg {address}/v1/jobs
  A folder    {command} submit ./scans --out ./color{server}
  Data        {data}
  Net         {", ".join(nets)} on {settings.workers} worker process{"es" if settings.workers > 1 else ""}
{unfinished}
Ctrl-C stops it. Unfinished work goes on at the next start.
"""


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
