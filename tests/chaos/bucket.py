"""An S3 server of this machine, and a faulty proxy before it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
from moto.server import ThreadedMotoServer

from tests.chaos.evidence import BucketEvidence
from tests.chaos.proxy import FaultyProxy

_BUCKET = "chaos"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "chaos", "AWS_SECRET_ACCESS_KEY": "chaos"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """A bucket that the service reaches through the proxy, and the checks past it."""

    evidence: BucketEvidence
    #: variables that make the service store there
    environment: Mapping[str, str]


@contextmanager
def bucket(proxy: FaultyProxy) -> Iterator[Bucket]:
    """Runs an S3 server behind `proxy`, which is started."""
    # It says a line of each request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, proxy.upstream_port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{proxy.upstream_port}",
        region_name="us-east-1",
        aws_access_key_id="chaos",
        aws_secret_access_key="chaos",
    )
    client.create_bucket(Bucket=_BUCKET)
    environment = {
        **_CREDENTIALS,
        "PHOTOCHROM_STORAGE_URL": f"s3://{_BUCKET}",
        "PHOTOCHROM_S3_ENDPOINT_URL": f"http://127.0.0.1:{proxy.start()}",
        "PHOTOCHROM_S3_PATH_STYLE": "true",
    }
    try:
        yield Bucket(evidence=BucketEvidence(client, _BUCKET), environment=environment)
    finally:
        proxy.stop()
        server.stop()
