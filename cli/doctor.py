"""`photochrom doctor`: whether everything on this machine holds up, a line a check."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from cli.reporting import Command
from models.answers import prove
from models.files import is_here
from models.nets import load_net
from models.render import warm
from shared import logs
from shared.errors import PhotochromError
from shared.index import Index
from shared.index.connection import connect
from shared.registry import load_registry
from shared.settings import Settings, load
from shared.storage.direct import NotOffered
from shared.storage.opening import open_store
from worker.workshop import open_sandbox, served_models


@click.command(cls=Command)
@click.option("--warm", "only_warm", is_flag=True, help="Compile the kernels now, so that the first picture is fast.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="PHOTOCHROM_DATA",
    help="Check the data folder of `up` instead of PHOTOCHROM_STORAGE_URL.",
)
def doctor(only_warm: bool, data: Path | None) -> None:
    """Check nets, kernels, storage and index; exit 2 if one of them does not hold up."""
    settings = load(storage_url=str(data / "objects") if data else None)
    checks: list[tuple[str, Callable[[], str]]] = [
        ("kernels", lambda: _kernels(settings)),
        ("sandbox", lambda: _sandbox(settings)),
        ("nets", lambda: _nets(settings)),
    ]
    if not only_warm:
        checks.append(("storage", lambda: _storage(settings)))
        if data is None:
            checks.append(("index", lambda: _index(settings)))
    results = [_report(name, check) for name, check in checks]
    sys.exit(0 if all(results) else 2)


def _report(name: str, check: Callable[[], str]) -> bool:
    try:
        words = check()
    except PhotochromError as error:
        click.echo(f"{click.style('FAIL', fg='red')}  {name:8} {error.detail} [{error.code}]")
        return False
    click.echo(f"{click.style('ok', fg='green')}    {name:8} {words}")
    return True


def _kernels(settings: Settings) -> str:
    begun = time.monotonic()
    warm(settings.cache_dir)
    return f"compiled in {time.monotonic() - begun:.1f} s, kept in {settings.cache_dir}"


def _sandbox(settings: Settings) -> str:
    with open_sandbox(settings) as sandbox:
        sandbox.prove()
    return f"a picture gets {settings.sandbox_megabytes:,} MiB in a process of its own"


def _nets(settings: Settings) -> str:
    registry = load_registry(settings.models_dir)
    proved = []
    for model in served_models(settings, registry).values():
        net = load_net(model, settings.models_dir, engine=settings.engine, device=settings.device)
        prove(net, model, settings.models_dir)
        proved.append(f"{model.name} ({net.engine})")
    words = ", ".join(proved) + ": files and answers are right"
    away = [model.remedy for model in registry.models if not is_here(model, settings.models_dir)]
    return words + "".join(f"\n               not here: `{command}` fetches it" for command in away)


def _storage(settings: Settings) -> str:
    store = open_store(settings)
    store.probe()
    direct = store.direct()
    words = f"{settings.storage_url}: one of 8 racing creates wins"
    if not isinstance(direct, NotOffered):
        return f"{words}, and what is signed is held to: clients send to it straight"
    return words + (f"; uploads go through the API, since {direct.reason}" if direct.reason else "")


def _index(settings: Settings) -> str:
    index = Index(connect(settings.redis_url))
    index.ping()
    hosts = index.hosts.live()
    slots = sum(host.slots for host in hosts)
    return f"{logs.redacted(settings.redis_url)}: answers; {len(hosts)} worker hosts with {slots} slots are live"
