"""`/v1/uploads`: which masters are there, and sending those that are not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint, Tag

from api import schemas
from api.asking import limits, tenant
from api.bodies import require_length
from api.pieces import LINK_SECONDS, complete, look, open_upload, stored
from api.polling import seats
from api.proofs import proofs
from api.quotas import grant_bytes
from api.services import services
from api.spool import take_upload
from shared import layout
from shared.errors import TooLarge
from shared.index.quotas import Limits
from shared.services import Services
from shared.storage.direct import NotOffered
from shared.uploads import MEDIA_TYPE

blueprint = APIBlueprint(
    "uploads", __name__, abp_tags=[Tag(name="uploads", description="Masters, named by their bytes")]
)

_CHECKS = 32

#: When to ask for the end of a proof again, seconds.
_AGAIN = 2

_RAW: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@blueprint.post("/v1/uploads", responses={200: schemas.Uploads})
def post_uploads(query: schemas.Empty, body: schemas.UploadsRequest) -> Response:
    """Ask which files are stored, and how to send the others."""
    return jsonify({"files": ask(services(), tenant(), body.files, limits())})


@blueprint.put("/v1/uploads/<sha256>", responses={200: schemas.Stored, 201: schemas.Stored}, openapi_extensions=_RAW)
def put_upload(path: schemas.UploadPath, query: schemas.Empty) -> tuple[Response, int]:
    """Send the bytes of one file."""
    require_length()
    held = services()
    there = stored(held.store, tenant(), path.sha256)
    if there:
        return jsonify(there), 200
    spool, fmt = take_upload(held.store, tenant(), path.sha256, request.stream, limit=held.settings.max_bytes)
    return jsonify({"sha256": path.sha256, "size": spool.size, "format": fmt.name}), 201


@blueprint.get("/v1/uploads/<sha256>", responses={200: schemas.PiecesUpload})
def get_upload(path: schemas.UploadPath, query: schemas.Empty) -> Response:
    """Look at an upload in pieces."""
    return jsonify(look(services(), tenant(), path.sha256))


@blueprint.post("/v1/uploads/<sha256>/pieces", responses={200: schemas.PiecesUpload})
def post_pieces(path: schemas.UploadPath, query: schemas.Empty, body: schemas.PiecesRequest) -> Response:
    """Begin an upload in pieces, or go on with it."""
    return jsonify(open_upload(services(), tenant(), path.sha256, body.size, limits()))


@blueprint.post("/v1/uploads/<sha256>/complete", responses={200: schemas.Stored, 202: schemas.Proving})
def post_complete(path: schemas.UploadPath, query: schemas.Empty) -> tuple[Response, int]:
    """Make the pieces a master, once their bytes are proved."""
    done = complete(services(), tenant(), path.sha256, proofs(), seats())
    if done:
        return jsonify(done), 200
    answer = jsonify({"sha256": path.sha256, "state": "proving"})
    answer.headers["Retry-After"] = str(_AGAIN)
    return answer, 202


def ask(held: Services, owner: str, files: list[schemas.FileRequest], quotas: Limits | None) -> list[dict[str, Any]]:
    """Answers for each file whether it is there, how to send it, or why it may not be sent.

    What may go straight to storage is charged here. Beyond the quota it is the API's own PUT, which says so.
    """
    with ThreadPoolExecutor(_CHECKS) as pool:
        found = list(pool.map(lambda file: held.store.head(layout.master(owner, file.sha256)), files))
    answers = [_answer(held, file, present=info is not None) for file, info in zip(files, found, strict=True)]
    direct = held.store.direct()
    wanted = [(file, answer["upload"]) for file, answer in zip(files, answers, strict=True) if answer["upload"]]
    if isinstance(direct, NotOffered) or not wanted:
        return answers
    small = [(file, how) for file, how in wanted if file.size <= direct.largest_put]
    granted = grant_bytes(held.index.quotas, owner, quotas, [file.size for file, _ in small]) if quotas else None
    for number, (file, how) in enumerate(small):
        if granted is None or granted[number]:
            link = direct.presign_put(
                layout.master(owner, file.sha256),
                sha256=file.sha256,
                size=file.size,
                seconds=LINK_SECONDS,
                media_type=MEDIA_TYPE,
            )
            how |= {"url": link.url, "headers": dict(link.headers)}
    for file, how in wanted:
        if file.size > direct.largest_put:
            how["pieces"] = f"/v1/uploads/{file.sha256}/pieces"
    return answers


def _answer(held: Services, file: schemas.FileRequest, *, present: bool) -> dict[str, Any]:
    limit = held.settings.max_bytes
    answer: dict[str, Any] = {"sha256": file.sha256, "present": present, "upload": None}
    if present:
        return answer
    if file.size > limit:
        detail = f"The file has {file.size:,} bytes; this server accepts {limit:,}."
        return answer | {"problem": {"code": TooLarge.code, "detail": detail, "limit": limit, "seen": file.size}}
    return answer | {"upload": {"method": "PUT", "url": f"/v1/uploads/{file.sha256}", "headers": {}}}
