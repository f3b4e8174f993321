"""An S3 server in a process of its own, behind a proxy that counts what passes and may hold it up."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from shared.storage.s3_errors import s3_errors
from tests.chaos.proxy import FaultyProxy
from tests.chaos.relay import Fault
from tests.chaos.site import free_port

NAME = "photochrom"

_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}

#: What of a key tells one object from the next of its kind.
_OWN = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|/[0-9a-f]{2}(?=/)|\d+(?=\.json)")


class Tap(FaultyProxy):
    """Passes every request on, `delay` seconds late. Safe for threads."""

    def __init__(self, upstream_port: int, *, delay: float = 0.0) -> None:
        """Opens nothing yet."""
        super().__init__(upstream_port)
        self.delay = delay
        #: answered requests by method, kind of key, and status
        self.counts: Counter[tuple[str, str, int]] = Counter()
        #: answered requests by method, path with query, and status
        self.exact: Counter[tuple[str, str, int]] = Counter()

    def judge(self, *, conditional: bool) -> Fault | None:
        """Holds the request up."""
        time.sleep(self.delay)
        return None

    def passes(self, method: str, path: str, status: int) -> None:
        """Counts a request that the server answered."""
        super().passes(method, path, status)
        with self._guard:
            self.counts[method, _kind(path), status] += 1
            self.exact[method, path, status] += 1


class Bucket:
    """A bucket as hosts reach it: through the tap."""

    def __init__(self, port: int, pid: int) -> None:
        """Takes the server's port and process id."""
        self.port = port
        self.pid = pid
        self.tap = Tap(port)
        self.client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id=_CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"mode": "standard", "total_max_attempts": 20}),
        )

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """Returns the variables that make a process store there; `endpoint` stands for the tap's address."""
        return {
            **_CREDENTIALS,
            "PHOTOCHROM_STORAGE_URL": f"s3://{NAME}",
            "PHOTOCHROM_S3_ENDPOINT_URL": endpoint or f"http://127.0.0.1:{self.tap.port}",
            "PHOTOCHROM_S3_PATH_STYLE": "true",
        }


@contextmanager
def bucket() -> Iterator[Bucket]:
    """Runs the server and the tap."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    place = Bucket(port, server.pid)
    try:
        with s3_errors(NAME):
            place.client.create_bucket(Bucket=NAME)
        place.tap.start()
        yield place
        place.tap.stop()
    finally:
        server.terminate()
        server.wait()


def _kind(path: str) -> str:
    """Returns what an address has in common with the others of its kind."""
    address = urlsplit(path)
    kind = _OWN.sub(lambda found: "/*" if found[0].startswith("/") else "*", address.path)
    return kind + ("?list" if "list-type" in address.query else "?..." if address.query else "")
