"""S3 storage as it is opened in production: the client's signatures, time-outs and retries."""

from __future__ import annotations

import boto3
import botocore.session
from botocore.config import Config

from shared.errors import InvalidSetting
from shared.storage.s3 import S3Store
from shared.storage.s3_errors import s3_errors

#: One for each thread that the API or a worker may send and fetch with.
_CONNECTIONS = 64


def s3_store(
    *, bucket: str, endpoint_url: str | None, region: str, path_style: bool, public_url: str | None
) -> S3Store:
    """Returns the storage of a bucket; nothing is contacted. Credentials come from boto3's own chain.

    Raises InvalidSetting for an address that is none.
    """
    config = Config(
        signature_version="s3v4",  # the older form is what boto3 signs links with on a custom endpoint
        s3={"addressing_style": "path" if path_style else "auto"},
        request_checksum_calculation="when_required",  # older servers refuse the newer trailing checksums
        response_checksum_validation="when_required",
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=_CONNECTIONS,
    )
    with s3_errors(f"The bucket {bucket} at {endpoint_url or 'AWS'}"):
        core = botocore.session.get_session()
        session = boto3.session.Session(botocore_session=core, region_name=region)
        try:
            client = session.client("s3", endpoint_url=endpoint_url, config=config)
            public = session.client("s3", endpoint_url=public_url, config=config) if public_url else None
        except ValueError as error:  # botocore's word for an address that is none
            raise InvalidSetting(f"The address of the S3 server must be an http(s) address: {error}") from error
        verify = core.get_config_variable("ca_bundle") or True
    return S3Store(client, bucket, public_client=public, verify=verify)
