"""`/v1/uploads`: which masters are there, and sending those that are not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint, Tag

from api import schemas
from api.asking import tenant
from api.jobs import require_length
from api.services import services
from api.spool import take_upload
from shared import layout
from shared.errors import TooLarge
from shared.formats import SNIFF_BYTES, sniff
from shared.services import Services

blueprint = APIBlueprint(
    "uploads", __name__, abp_tags=[Tag(name="uploads", description="Masters, named by their bytes")]
)

_CHECKS = 32

_RAW: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@blueprint.post("/v1/uploads", responses={200: schemas.Uploads})
def post_uploads(query: schemas.Empty, body: schemas.UploadsRequest) -> Response:
    """Ask which files are stored, and how to send the others."""
    return jsonify({"files": ask(services(), tenant(), body.files)})


@blueprint.put("/v1/uploads/<sha256>", responses={200: schemas.Stored, 201: schemas.Stored}, openapi_extensions=_RAW)
def put_upload(path: schemas.UploadPath, query: schemas.Empty) -> tuple[Response, int]:
    """Send the bytes of one file."""
    require_length()
    held = services()
    stored = _stored(held, tenant(), path.sha256)
    if stored:
        return jsonify(stored), 200
    spool, fmt = take_upload(held.store, tenant(), path.sha256, request.stream, limit=held.settings.max_bytes)
    return jsonify({"sha256": path.sha256, "size": spool.size, "format": fmt.name}), 201


def ask(held: Services, owner: str, files: list[schemas.FileRequest]) -> list[dict[str, Any]]:
    """Answers for each file whether it is there, how to send it, or why it may not be sent."""
    with ThreadPoolExecutor(_CHECKS) as pool:
        found = pool.map(lambda file: held.store.head(layout.master(owner, file.sha256)), files)
        return [_answer(held, file, present=info is not None) for file, info in zip(files, found, strict=True)]


def _answer(held: Services, file: schemas.FileRequest, *, present: bool) -> dict[str, Any]:
    limit = held.settings.max_bytes
    answer: dict[str, Any] = {"sha256": file.sha256, "present": present, "upload": None}
    if present:
        return answer
    if file.size > limit:
        detail = f"The file has {file.size:,} bytes; this server accepts {limit:,}."
        return answer | {"problem": {"code": TooLarge.code, "detail": detail, "limit": limit, "seen": file.size}}
    return answer | {"upload": {"method": "PUT", "url": f"/v1/uploads/{file.sha256}", "headers": {}}}


def _stored(held: Services, owner: str, sha256: str) -> dict[str, Any] | None:
    key = layout.master(owner, sha256)
    info = held.store.head(key)
    if info is None:
        return None
    with held.store.get(key, length=SNIFF_BYTES) as stream:
        fmt = sniff(stream.read())
    return {"sha256": sha256, "size": info.size, "format": fmt.name if fmt else "unknown"}
