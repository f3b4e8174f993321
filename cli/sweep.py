"""`photochrom sweep`: the sweeper on its own."""

from __future__ import annotations

import threading

import click

from cli.reporting import Command
from shared import logs
from shared.registry import load_registry
from shared.settings import Settings, load
from worker.app import make_celery
from worker.exporter import exporting
from worker.sweeper import Sweeper
from worker.webhooks.courier import Courier, open_courier
from worker.workshop import open_workshop


@click.command(cls=Command)
@click.option("--once", is_flag=True, help="Sweep once and exit.")
def sweep(once: bool) -> None:
    """Do for dead workers what they cannot do any more. Every worker host does this already."""
    settings = load()
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    sweeper = make_sweeper(settings)
    courier = open_courier(sweeper.shop)
    if not once:
        _sweep_on(sweeper, courier)
    elif sweeper.sweep():
        courier.look()
        courier.settle()
        click.echo("Swept.")
    else:
        click.echo("Another sweeper leads; nothing to do here.")


def _sweep_on(sweeper: Sweeper, courier: Courier) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=lambda: courier.run(stop, leader=sweeper.name), name="courier", daemon=True)
    with exporting(sweeper.shop.settings) as exporter:
        thread.start()
        exporter.health = lambda: None if thread.is_alive() else "ended: courier"
        sweeper.run(stop)


def make_sweeper(settings: Settings) -> Sweeper:
    """Returns a sweeper under a name of its own."""
    registry = load_registry(settings.models_dir)
    shop = open_workshop(settings, registry, make_celery(settings, registry))
    return Sweeper(shop=shop, name=f"{settings.host}/{shop.token}")
