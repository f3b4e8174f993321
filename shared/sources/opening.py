"""The sources that the settings name."""

from __future__ import annotations

from urllib.parse import urlsplit

from shared.errors import InvalidSetting
from shared.settings import Settings
from shared.sources import Sources
from shared.sources.rules import parse_rules


def open_sources(settings: Settings) -> Sources | None:
    """Returns the way to the buckets that tenants may name sources in; None where none may. Nothing is contacted.

    Raises InvalidSetting where the storage is a folder and no S3 server is named, and for a rule that covers the
    storage's own bucket: all tenants' masters lie there.
    """
    if not settings.sources:
        return None
    storage = urlsplit(settings.storage_url)
    if storage.scheme != "s3" and not settings.s3_endpoint_url:
        raise InvalidSetting(
            "PHOTOCHROM_SOURCES needs PHOTOCHROM_S3_ENDPOINT_URL where the storage is a folder, for example "
            "https://s3.eu-central-1.amazonaws.com.",
            setting="PHOTOCHROM_S3_ENDPOINT_URL",
        )
    rules = parse_rules(settings.sources)
    if storage.scheme == "s3" and any(bucket == storage.netloc for places in rules.values() for bucket, _ in places):
        raise InvalidSetting(
            f"PHOTOCHROM_SOURCES must not name the bucket of the storage, {storage.netloc}: every tenant's masters lie "
            "there.",
            setting="PHOTOCHROM_SOURCES",
            seen=settings.sources,
        )
    # boto3 takes 0.3 s and 30 MB that nobody needs without sources.
    from shared.sources.s3 import S3Sources  # noqa: PLC0415
    from shared.storage.s3_opening import s3_store  # noqa: PLC0415

    # The client is one for all buckets.
    store = s3_store(
        bucket=next(bucket for places in rules.values() for bucket, _ in places),
        endpoint_url=settings.s3_endpoint_url or None,
        region=settings.s3_region,
        path_style=settings.s3_path_style,
        public_url=None,
    )
    return S3Sources(store.client)
