"""Uploads in pieces, straight to storage: a small record each until the bytes are proved and are a master.

An upload is named by the SHA-256 that its bytes shall have, so that whoever begins it again finds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from shared import layout
from shared.errors import PhotochromError, StorageUnavailable
from shared.storage import ObjectInfo, ObjectStore
from shared.storage.direct import DirectUploads, NotOffered

MEDIA_TYPE = "application/octet-stream"
_JSON = "application/json"

#: How often a record is looked for again that another call removes at that moment.
_TRIES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A range of a file that is sent by itself."""

    #: 1..
    number: int
    #: offset in the file, bytes
    start: int
    #: bytes
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """An upload that was begun."""

    #: SHA-256 that the bytes shall have, hexadecimal
    sha256: str
    #: bytes
    size: int
    #: bytes of a piece; the last one has what is left
    piece_bytes: int
    #: the storage's own id of it
    storage_id: str

    def pieces(self) -> Iterator[Piece]:
        """Yields all pieces, in their order."""
        for number, start in enumerate(range(0, self.size, self.piece_bytes), start=1):
            yield Piece(number=number, start=start, size=min(self.piece_bytes, self.size - start))

    def missing(self, direct: DirectUploads, tenant: str) -> list[Piece] | None:
        """Returns the pieces that are not there; None where the storage knows no such upload any more."""
        there = direct.pieces(layout.upload(tenant, self.sha256), self.storage_id)
        return None if there is None else [piece for piece in self.pieces() if there.get(piece.number) != piece.size]


def find(store: ObjectStore, tenant: str, sha256: str) -> Upload | None:
    """Returns a tenant's upload, or None."""
    try:
        with store.get(layout.upload_record(tenant, sha256)) as stream:
            return Upload(**json.load(stream))
    except KeyError:
        return None


def begin(store: ObjectStore, direct: DirectUploads, tenant: str, sha256: str, size: int) -> Upload:
    """Begins an upload; of calls that race all return the one that is recorded. Raises StorageUnavailable."""
    key = layout.upload(tenant, sha256)
    upload = Upload(
        sha256=sha256,
        size=size,
        piece_bytes=direct.piece_bytes(size),
        storage_id=direct.begin(key, media_type=MEDIA_TYPE),
    )
    try:
        recorded = _recorded(store, tenant, upload)
    except BaseException:
        with suppress(PhotochromError):  # what nobody finds again is for the bucket's lifecycle rule
            direct.abort(key, upload.storage_id)
        raise
    if recorded.storage_id != upload.storage_id:
        direct.abort(key, upload.storage_id)
    return recorded


def renew(store: ObjectStore, tenant: str, upload: Upload) -> None:
    """Writes the record of an upload anew: its age tells when somebody came back for it last."""
    store.put(layout.upload_record(tenant, upload.sha256), _text(upload), media_type=_JSON)


def discard(store: ObjectStore, direct: DirectUploads, tenant: str, upload: Upload) -> None:
    """Removes an upload with all its bytes; the record goes last, so that what breaks off is found again.

    The record of an upload that was begun since stays.
    """
    key = layout.upload(tenant, upload.sha256)
    direct.abort(key, upload.storage_id)
    store.delete(key)
    if find(store, tenant, upload.sha256) == upload:
        store.delete(layout.upload_record(tenant, upload.sha256))


def remove_leftover(store: ObjectStore, tenant: str, info: ObjectInfo) -> None:
    """Removes an object that nobody came back for; with the record of an upload all that it knows of goes."""
    name = info.key.removeprefix(layout.uploads(tenant)).removesuffix(".json")
    upload = find(store, tenant, name) if info.key == layout.upload_record(tenant, name) else None
    direct = store.direct() if upload else NotOffered()
    if upload and not isinstance(direct, NotOffered):
        discard(store, direct, tenant, upload)
    store.delete(info.key)


def _recorded(store: ObjectStore, tenant: str, upload: Upload) -> Upload:
    """Records an upload; returns it, or the one that is recorded already."""
    for _ in range(_TRIES):
        if store.put_if_absent(layout.upload_record(tenant, upload.sha256), _text(upload), media_type=_JSON):
            return upload
        if other := find(store, tenant, upload.sha256):
            return other
    raise StorageUnavailable(
        f"The upload {upload.sha256} is begun and ended by others all the time.", seen=upload.sha256
    )


def _text(upload: Upload) -> bytes:
    return json.dumps(asdict(upload)).encode()
