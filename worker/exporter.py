"""The exporter: a worker host's metrics and its health over HTTP, for Prometheus and for supervisors."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer

from shared import logs
from shared.errors import InvalidSetting
from shared.settings import Settings
from worker import metrics
from worker.exposition import counting_folder, expose

_log = logs.logger(__name__)

#: Says in words why a host is not well; None for one that is.
Health = Callable[[], str | None]

#: What prometheus_client reads when it is loaded: where the processes of one host count together. Children inherit it.
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

#: What a client may take to say what it wants, seconds.
_PATIENCE = 10


@dataclass(kw_only=True, slots=True)
class Exporter:
    """What answers; whoever starts a host tells it what health is, and until then it is not well."""

    #: why the host is not well
    health: Health


@contextmanager
def exporting(settings: Settings) -> Iterator[Exporter]:
    """Counts, and serves `/metrics` and `/healthz`, while the block runs; does neither where the settings have no port.

    To be entered before the processes are started that shall count, too. Raises InvalidSetting for an address that
    cannot be had.
    """
    exporter = Exporter(health=lambda: "starting")
    if not settings.metrics_port:
        yield exporter
        return
    with counting_folder() as folder, _serving(settings, folder, exporter):
        os.environ[_VARIABLE] = str(folder)  # noqa: TID251 - written, not read
        metrics.turn_on()
        _log.info("metrics_served", address=f"{settings.metrics_host}:{settings.metrics_port}")
        yield exporter


@contextmanager
def _serving(settings: Settings, folder: Path, exporter: Exporter) -> Iterator[None]:
    server = _open(settings, folder, exporter)
    threading.Thread(target=server.serve_forever, name="exporter", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _open(settings: Settings, folder: Path, exporter: Exporter) -> ThreadingTCPServer:
    host = os.getpid()

    class Handler(BaseHTTPRequestHandler):
        """Answers one call."""

        timeout = _PATIENCE

        def do_GET(self) -> None:
            """Answers the two addresses."""
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, expose(folder, host), "text/plain; version=0.0.4; charset=utf-8")
            elif path == "/healthz":
                ill = exporter.health()
                self._answer(503 if ill else 200, f"{ill or 'ok'}\n".encode())
            else:
                self._answer(404, b"Here are /metrics and /healthz.\n")

        def log_message(self, *_: object) -> None:
            """Logs no access."""

        def _answer(self, status: int, body: bytes, media_type: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    class Server(ThreadingTCPServer):
        """Listens."""

        address_family = socket.AF_INET6 if ":" in settings.metrics_host else socket.AF_INET
        allow_reuse_address = True
        daemon_threads = True

    try:
        return Server((settings.metrics_host, settings.metrics_port), Handler)
    except OSError as error:
        raise InvalidSetting(
            f"PHOTOCHROM_METRICS_HOST and PHOTOCHROM_METRICS_PORT must be an address of this machine that is free; "
            f"got {settings.metrics_host}:{settings.metrics_port} ({error.strerror or error}).",
            setting="PHOTOCHROM_METRICS_PORT",
            seen=settings.metrics_port,
        ) from error
