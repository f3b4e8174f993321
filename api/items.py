"""`/v1/jobs/<id>/items`: what has become of each item, and its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from flask import Response, jsonify, redirect, request
from flask_openapi3 import APIBlueprint, Tag
from werkzeug.wrappers import Response as AnyResponse

from api import item_pages, item_views, reviews, schemas
from api.asking import bytes_answer, tenant
from api.job_views import job_view
from api.services import services
from shared import layout
from shared.errors import InvalidRequest, ItemFailed, NotFound, NotReady
from shared.formats import FORMATS, sniff
from shared.items import ItemState
from shared.jobs import Job
from shared.outcomes import Outcome
from shared.recipes import Recipe
from shared.services import Services

blueprint = APIBlueprint("items", __name__, abp_tags=[Tag(name="items", description="The items of a job")])

#: How long a link to storage holds, seconds.
_LINK_SECONDS = 3600

_CHUNK = 256 << 10


@blueprint.get("/v1/jobs/<job_id>/items", responses={200: schemas.Items})
def get_items(path: schemas.JobPath, query: schemas.ItemsQuery) -> Response:
    """List items, in their order or sorted."""
    view = job_view(services(), tenant(), path.job_id)
    if query.sort:
        rows, following = reviews.page(services(), view, start=query.cursor, limit=query.limit, state=query.state)
    else:
        rows, following = item_pages.page(services(), view, start=query.cursor, limit=query.limit, state=query.state)
    return jsonify({"items": rows, "next": following})


@blueprint.get("/v1/jobs/<job_id>/items/<int:number>", responses={200: schemas.Item})
def get_item(path: schemas.ItemPath, query: schemas.Empty) -> Response:
    """Look at an item."""
    view = job_view(services(), tenant(), path.job_id)
    return jsonify(item_views.one(services(), view, path.number)[0])


@blueprint.get("/v1/jobs/<job_id>/items/<int:number>/result")
def get_result(path: schemas.ItemPath, query: schemas.ResultQuery) -> AnyResponse:
    """Fetch the color picture."""
    job, outcome = _ended(services(), tenant(), path)
    number, recipe = _candidate(job, query.candidate)
    made = outcome.candidates[number].derivative if outcome.candidates else outcome.derivative
    if made is None:
        raise NotFound("This item has no picture.")
    tag = f"-t{recipe.temperature:.3f}" if number else ""
    name = f"{PurePosixPath(outcome.filename).stem}_colorized{tag}{PurePosixPath(made.key).suffix}"
    return _send(services(), made.key, media_type=made.media_type, filename=name, etag=made.sha256)


@blueprint.get("/v1/jobs/<job_id>/items/<int:number>/preview")
def get_preview(path: schemas.ItemPath, query: schemas.PreviewQuery) -> AnyResponse:
    """Fetch a small picture for a browser, of the derivative or of the master."""
    job, outcome = _ended(services(), tenant(), path)
    master = outcome.master or ""
    if query.of == "master":
        if query.candidate is not None:
            raise InvalidRequest("All candidates have one master: leave `candidate` out.", field="candidate")
        key, etag = layout.master_preview(job.tenant, master), f"{master}-preview"
    else:
        digest = _candidate(job, query.candidate)[1].digest
        key, etag = layout.preview(job.tenant, master, digest), f"{master}-{digest}"
    return _send(services(), key, media_type="image/jpeg", filename="preview.jpg", etag=etag)


@blueprint.get("/v1/jobs/<job_id>/items/<int:number>/uncertainty")
def get_uncertainty(path: schemas.ItemPath, query: schemas.Empty) -> AnyResponse:
    """Fetch a map of where the net was unsure, as large as the preview: dark violet is sure, yellow is not."""
    job, outcome = _ended(services(), tenant(), path)
    master, recipe = outcome.master or "", job.recipe
    key = layout.uncertainty(job.tenant, master, recipe.model, recipe.pipeline)
    etag = f"{master}-uncertainty-{recipe.pipeline}-{recipe.model}"
    return _send(services(), key, media_type="image/jpeg", filename="uncertainty.jpg", etag=etag)


@blueprint.get("/v1/jobs/<job_id>/items/<int:number>/master")
def get_master(path: schemas.ItemPath, query: schemas.Empty) -> AnyResponse:
    """Fetch the master as it was received."""
    view = job_view(services(), tenant(), path.job_id)
    row, _ = item_views.one(services(), view, path.number)
    if row["master"] is None:
        if row["source"] and row["state"] in (ItemState.QUEUED, ItemState.RUNNING):
            raise NotReady(f"{row['source']} is not fetched yet.", seen=row["state"])
        raise NotFound(f"There is no master of this item: {row['detail'] or row['state']}")
    key = layout.master(view.progress.job.tenant, row["master"])
    name = PurePosixPath(row["filename"]).name
    return _send(services(), key, media_type=None, filename=name, etag=row["master"])


def _candidate(job: Job, wanted: int | None) -> tuple[int, Recipe]:
    """Returns number and recipe of a candidate, the first by default; raises NotFound for one that the job has not."""
    number, recipes = wanted or 0, job.recipe.each()
    if number >= len(recipes):
        raise NotFound(
            f"The recipe of this job has candidates 0 to {len(recipes) - 1}."
            if job.recipe.candidates
            else "The recipe of this job has no candidates: there is one result, 0.",
            limit=len(recipes) - 1,
            seen=number,
        )
    return number, recipes[number]


def _ended(held: Services, owner: str, path: schemas.ItemPath) -> tuple[Job, Outcome]:
    """Returns how an item succeeded; raises NotReady or ItemFailed with the item's own code."""
    view = job_view(held, owner, path.job_id)
    row, outcome = item_views.one(held, view, path.number)
    if outcome is None and row["state"] != ItemState.CANCELED:
        raise NotReady(f"The item is {row['state']}.", seen=row["state"])
    if outcome is None or outcome.state is not ItemState.SUCCEEDED:
        raise ItemFailed(row["detail"] or f"The item is {row['state']}.", item_code=row["code"], seen=row["state"])
    return view.progress.job, outcome


def _send(held: Services, key: str, *, media_type: str | None, filename: str, etag: str) -> AnyResponse:
    """Sends an object: by a link to the storage where it offers one, else its bytes. Without a type it is sniffed."""
    info = held.store.head(key)
    if info is None:
        raise NotFound("The picture is not in storage.")
    if media_type is None:
        with held.store.get(key, length=16) as stream:
            fmt = sniff(stream.read())
        media_type = fmt.media_type if fmt in FORMATS and fmt else "application/octet-stream"
    if link := held.store.presign_get(key, seconds=_LINK_SECONDS, filename=filename, media_type=media_type):
        # The script of a page cannot follow a redirect to storage, which answers no other site (no CORS).
        if request.accept_mimetypes.best == "text/uri-list":
            return Response(link, mimetype="text/uri-list")
        return redirect(link, 302)
    return bytes_answer(
        _chunks(held, key),
        media_type=media_type,
        size=info.size,
        etag=etag,
        filename=filename,
        inline=media_type.startswith("image/"),
    )


def _chunks(held: Services, key: str) -> Iterator[bytes]:
    with held.store.get(key) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
