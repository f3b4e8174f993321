"""Uploads in pieces, straight to storage: what is missing, how to send it, and the proof that ends them."""

from __future__ import annotations

from typing import Any

from api.polling import Seats
from api.proofs import Proofs
from api.quotas import take_bytes
from api.spool import check_format, check_size
from shared import layout, uploads
from shared.errors import ChecksumMismatch, NotFound, UnsupportedMedia, UploadIncomplete
from shared.formats import SNIFF_BYTES, sniff
from shared.index.quotas import Limits
from shared.services import Services
from shared.storage import ObjectStore
from shared.storage.direct import DirectUploads, NotOffered
from shared.uploads import Upload

#: How long a link is good, seconds.
LINK_SECONDS = 3600

#: How long one call waits for a proof, seconds.
_PROOF_SECONDS = 5.0

#: Numbers of missing pieces that a problem names.
_NAMED = 100


def stored(store: ObjectStore, owner: str, sha256: str) -> dict[str, Any] | None:
    """Returns what is known of a master, or None."""
    key = layout.master(owner, sha256)
    info = store.head(key)
    if info is None:
        return None
    try:
        with store.get(key, length=SNIFF_BYTES) as stream:
            fmt = sniff(stream.read())
    except KeyError:  # pruned since
        return None
    return {"sha256": sha256, "size": info.size, "format": fmt.name if fmt else "unknown"}


def open_upload(held: Services, owner: str, sha256: str, size: int, limits: Limits | None) -> dict[str, Any]:
    """Begins an upload, or goes on with the one that there is; its bytes are charged when it begins.

    Raises TooLarge, QuotaExceeded, and NotFound where this server takes files as a whole only.
    """
    check_size(size, held.settings.max_bytes)
    if there := _present(held, owner, sha256):
        return there
    direct = _direct(held)
    upload = uploads.find(held.store, owner, sha256)
    if upload and (upload.size != size or _missing(held, direct, owner, upload) is None):
        uploads.discard(held.store, direct, owner, upload)
        upload = None
    if upload is None:
        if limits:
            take_bytes(held.index.quotas, owner, limits, size)
        upload = uploads.begin(held.store, direct, owner, sha256, size)
    else:
        uploads.renew(held.store, owner, upload)
    return _view(held, direct, owner, upload)


def look(held: Services, owner: str, sha256: str) -> dict[str, Any]:
    """Tells what is missing of an upload, with fresh links; raises NotFound."""
    if there := _present(held, owner, sha256):
        return there
    return _view(held, _direct(held), owner, _find(held, owner, sha256))


def complete(held: Services, owner: str, sha256: str, proofs: Proofs, room: Seats) -> dict[str, Any] | None:
    """Makes the pieces a master once they are proved; None while that goes on, for which one waits if there is room.

    Raises UploadIncomplete; ChecksumMismatch and UnsupportedMedia, and then nothing is kept; NotFound.
    """
    if there := stored(held.store, owner, sha256):
        return there
    with room.taken() as waiting:
        seconds = _PROOF_SECONDS if waiting else 0.0
        return proofs.ask((owner, sha256), lambda: _prove(held, owner, sha256), seconds=seconds)


def _prove(held: Services, owner: str, sha256: str) -> dict[str, Any]:
    """Returns the master that the pieces are; it does not matter whether another server was first."""
    lost: NotFound | None = None
    try:
        _make_master(held, owner, sha256)
    except NotFound as error:
        lost = error
    there = stored(held.store, owner, sha256)
    if there is None:
        raise lost or NotFound("The master was pruned at this moment: begin its upload again.")
    return there


def _make_master(held: Services, owner: str, sha256: str) -> None:
    store, direct, key = held.store, _direct(held), layout.upload(owner, sha256)
    upload = _find(held, owner, sha256)
    missing = _missing(held, direct, owner, upload)
    if missing:
        numbers = [piece.number for piece in missing]
        raise UploadIncomplete(
            f"{len(numbers):,} pieces of the upload are not there.", missing=numbers[:_NAMED], seen=len(numbers)
        )
    direct.join(key, upload.storage_id)
    try:
        with store.get(key, length=SNIFF_BYTES) as stream:
            check_format(stream.read())
        direct.adopt(key, layout.master(owner, sha256), sha256=sha256, media_type=uploads.MEDIA_TYPE)
    except KeyError:
        raise NotFound("The storage has given this upload up: begin it again.") from None
    except (ChecksumMismatch, UnsupportedMedia):
        uploads.discard(store, direct, owner, upload)
        raise
    uploads.discard(store, direct, owner, upload)


def _present(held: Services, owner: str, sha256: str) -> dict[str, Any] | None:
    info = held.store.head(layout.master(owner, sha256))
    if info is None:
        return None
    return _answer(sha256, info.size, present=True)


def _view(held: Services, direct: DirectUploads, owner: str, upload: Upload) -> dict[str, Any]:
    missing = _missing(held, direct, owner, upload)
    if missing is None:
        raise NotFound("The storage has given this upload up: begin it again.")
    key = layout.upload(owner, upload.sha256)
    pieces = []
    for piece in missing:
        link = direct.presign_piece(key, upload.storage_id, piece.number, size=piece.size, seconds=LINK_SECONDS)
        pieces.append(
            {
                "number": piece.number,
                "start": piece.start,
                "size": piece.size,
                "method": "PUT",
                "url": link.url,
                "headers": dict(link.headers),
            }
        )
    return _answer(upload.sha256, upload.size, present=False, piece_bytes=upload.piece_bytes, pieces=pieces)


def _answer(
    sha256: str,
    size: int,
    *,
    present: bool,
    piece_bytes: int | None = None,
    pieces: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    path = f"/v1/uploads/{sha256}"
    return {
        "sha256": sha256,
        "size": size,
        "present": present,
        "piece_bytes": piece_bytes,
        "pieces": pieces or [],
        "links": {"self": path, "complete": f"{path}/complete"},
    }


def _missing(held: Services, direct: DirectUploads, owner: str, upload: Upload) -> list[uploads.Piece] | None:
    """Returns the pieces that are not there, none where they were joined already; None where all are gone."""
    missing = upload.missing(direct, owner)
    if missing is None:
        joined = held.store.head(layout.upload(owner, upload.sha256))
        return [] if joined and joined.size == upload.size else None
    return missing


def _find(held: Services, owner: str, sha256: str) -> Upload:
    upload = uploads.find(held.store, owner, sha256)
    if upload is None:
        raise NotFound("No upload of this file was begun.")
    return upload


def _direct(held: Services) -> DirectUploads:
    direct = held.store.direct()
    if isinstance(direct, NotOffered):
        raise NotFound("This server takes files as a whole only: PUT /v1/uploads/<sha256>.")
    return direct
