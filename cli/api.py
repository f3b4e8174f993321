"""`photochrom api`: the HTTP half, under gunicorn."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import click
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers import gthread

from api.app import create_app
from api.auth import Doorkeeper, is_loopback
from api.polling import seats
from api.services import open_services
from cli.pace import Paced, SlowHeads
from cli.reporting import Command
from cli.tether import follow_parent
from shared import logs
from shared.errors import Misconfigured, StorageUnavailable
from shared.settings import Settings, load

_log = logs.logger(__name__)


class _Server(BaseApplication):
    """Gunicorn, told what to do by us and by nobody else: no command line, no configuration file."""

    def __init__(self, factory: Callable[[], Any], options: dict[str, Any]) -> None:
        self._factory = factory
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Takes our options."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Makes the app, in the process that answers."""
        return self._factory()


class _Worker(gthread.ThreadWorker):
    """Gunicorn's process that answers. Nobody holds a thread by being slow, nor waits once it is told to stop."""

    #: the app; none before it is made, and gunicorn's own where making it failed
    wsgi: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heads = SlowHeads(self.cfg.threads)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Answers SIGTERM."""
        if isinstance(self.wsgi, Flask):
            seats(self.wsgi).close()
        super().handle_exit(sig, frame)

    def enqueue_req(self, conn: Any) -> None:
        """Gives a connection a thread, once its first byte is there: whoever only connects holds none.

        Who came in as the server was told to stop has one at once: nobody looks for first bytes any more.
        """
        if conn.initialized or conn.data_ready or not self.alive:
            super().enqueue_req(conn)
            return
        silent: Future[object] = Future()
        silent.set_result(gthread._DEFER)
        self.finish_request(conn, silent)

    def handle(self, conn: Any) -> Any:
        """Answers a request, of which there can be several on a connection."""
        if isinstance(conn.sock, Paced):
            conn.sock.renew()
        else:
            conn.sock = Paced(conn.sock)
        with self._heads.let_in(conn.sock):
            goes_on = super().handle(conn)
        if not goes_on:
            # Here, since gunicorn would wait for the other side's close in the one thread that lets everybody in.
            conn.sock.part()
        return goes_on


class _Log(Logger):
    """What gunicorn says, in our own log."""

    def setup(self, cfg: Any) -> None:
        """Takes gunicorn's handler away, so that our own formats and redacts each line."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


@click.command(cls=Command)
@click.option("--host", help="Address to listen on (PHOTOCHROM_API_HOST).")
@click.option("--port", type=int, help="Port to listen on (PHOTOCHROM_API_PORT).")
def api(host: str | None, port: int | None) -> None:
    """Serve the HTTP API and the web page."""
    settings = load(api_host=host, api_port=port)
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    follow_parent()
    check_exposure(settings)
    serve(settings)


def check_exposure(settings: Settings) -> None:
    """Proves the storage, and raises Misconfigured for an address that others can reach while there are no API keys.

    Storage that is away, full or locked is no reason not to start: `/readyz` tells it and proves the storage later, and
    a server that others can reach answers nobody without a key.
    """
    services = open_services(settings)
    try:
        services.store.probe()
        keyless = Doorkeeper(services.store, services.clock).keyless()
    except StorageUnavailable as error:
        _log.warning("storage_away", code=error.code, detail=error.detail)
        return
    if not is_loopback(settings.api_host) and keyless:
        raise Misconfigured(
            f"{settings.api_host} can be reached from other machines, and there are no API keys. "
            "Make one with `photochrom keys create`, or listen on 127.0.0.1."
        )


def serve(settings: Settings) -> None:
    """Answers requests until it is told to stop."""
    _Server(
        lambda: create_app(open_services(settings)),
        {
            "bind": f"{settings.api_host}:{settings.api_port}",
            "worker_class": _Worker,
            "workers": 1,
            "threads": settings.api_threads,
            "timeout": 120,
            "graceful_timeout": 5,
            "keepalive": 15,
            "control_socket_disable": True,
            # Its warnings quote requests that are no HTTP: keys in a broken header, bytes of a picture.
            "loglevel": "error",
            "logger_class": _Log,
            "proc_name": "photochrom-api",
        },
    ).run()
