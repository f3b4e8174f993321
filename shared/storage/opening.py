"""The storage that the settings name."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from shared.errors import InvalidSetting
from shared.settings import Settings
from shared.storage import ObjectStore
from shared.storage.directory import DirectoryStore

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def open_store(settings: Settings) -> ObjectStore:
    """Returns the storage of `storage_url`: a folder, file:///folder or s3://bucket; nothing is contacted.

    Raises InvalidSetting for anything else.
    """
    url = urlsplit(settings.storage_url)
    if not url.scheme:
        return _directory(settings.storage_url, settings)
    if url.scheme == "file" and url.netloc in ("", "localhost") and url.path.startswith("/"):
        return _directory(unquote(url.path), settings)
    if url.scheme == "s3" and _BUCKET.fullmatch(url.netloc) and url.path in ("", "/") and not url.query:
        return _s3(url.netloc, settings)
    raise InvalidSetting(
        "PHOTOCHROM_STORAGE_URL must be a folder, file:///folder or s3://bucket (a bucket of its own, without a path), "
        f"for example s3://photochrom; got {settings.storage_url!r}.",
        setting="PHOTOCHROM_STORAGE_URL",
        seen=settings.storage_url,
    )


def _directory(path: str, settings: Settings) -> ObjectStore:
    return DirectoryStore(Path(path).expanduser().absolute(), fsync=settings.fsync)


def _s3(bucket: str, settings: Settings) -> ObjectStore:
    # boto3 takes 0.3 s and 30 MB that directory storage does not need.
    from shared.storage.s3_opening import s3_store  # noqa: PLC0415

    return s3_store(
        bucket=bucket,
        endpoint_url=settings.s3_endpoint_url or None,
        region=settings.s3_region,
        path_style=settings.s3_path_style,
        public_url=settings.s3_public_url or None,
    )
