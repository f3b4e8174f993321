"""Every error that Photochrom raises on purpose, in one tree.

PhotochromError
├── Refused                 the request is wrong; the same request will fail again
│   ├── InvalidRequest, InvalidRecipe, UnknownModel, UnknownMasters, ChecksumMismatch, IdempotencyMismatch
│   ├── IdempotencyLost, TooLarge, TooManyItems, UnsupportedMedia, LengthRequired
│   ├── NotFound, Unauthorized, Forbidden, ForeignHost, ForeignOrigin
│   └── SourceForbidden
├── Conflict                the request is right, the moment is not
│   ├── NotReady, ItemFailed, JobEnded, JobNotEnded, NothingToRetry, UploadIncomplete
├── Throttled               the request is right, its tenant has had its share; waiting helps
│   ├── RateLimited, QuotaExceeded
├── PictureError            one master cannot be colored; its item fails, its job goes on
│   ├── NotAPicture, UnsupportedPicture, Truncated, Corrupt, MasterMissing, MasterDamaged, AlreadyColor
│   ├── SourceMissing, SourceChanged, ManifestDamaged
│   ├── TooManyPixels, TooManyPages, MetadataTooLarge, TooExpensive, DecodeCrashed, WorkerLost, NetFailed
├── Unavailable             something outside is away; waiting helps
│   ├── StorageUnavailable, IndexUnavailable, JobRecovering, MastersCondemned, SandboxUnavailable, TooManyStreams
│   ├── TooManyBodies
└── Misconfigured           the operator has to change something
    ├── InvalidSetting, StorageUnfit, RecordDamaged, RegistryDamaged, TrainingFailed
    ├── ModelMissing, ModelDamaged, NotAModel, ModelNotFetched, NetSelfTestFailed, EngineUnavailable
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar


class Hinge(StrEnum):
    """What has to change before an item that failed can end otherwise: until then a retry is in vain."""

    #: the master's bytes, or what its recipe asks for
    FILE = "file"
    #: a limit of this server
    LIMIT = "limit"


class PhotochromError(Exception):
    """Something went wrong in Photochrom.

    ``code`` is stable and machine-readable, ``status`` the HTTP status, ``retryable`` says whether the same call can
    succeed later, ``hinge`` what the failure of an item hinges on, None where a retry may help. ``detail`` is for a
    person; ``extra`` carries the limit and the value seen.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    #: The client and the page, which stand alone, have the codes once more; tests compare them.
    hinge: ClassVar[Hinge | None] = None

    def __init__(self, detail: str = "", **extra: Any) -> None:
        self.detail = detail or self.title()
        self.extra = extra
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """Returns the first line of the docstring: the message that belongs to the code."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class Refused(PhotochromError):
    """The request is refused."""

    code = "refused"
    status = 400


class InvalidRequest(Refused):
    """The request has a field that is missing, unknown or malformed."""

    code = "invalid_request"
    status = 422


class InvalidRecipe(Refused):
    """The recipe has a field that is unknown or out of range."""

    code = "invalid_recipe"
    status = 422


class UnknownModel(Refused):
    """No model of that name is registered."""

    code = "unknown_model"
    status = 422


class UnknownMasters(Refused):
    """Some of the named masters are not stored: upload them first."""

    code = "unknown_masters"
    status = 422


class ChecksumMismatch(Refused):
    """The bytes that arrived do not have the promised SHA-256; nothing was kept."""

    code = "checksum_mismatch"
    status = 422


class IdempotencyMismatch(Refused):
    """This Idempotency-Key was used for a different submission."""

    code = "idempotency_mismatch"
    status = 422


class IdempotencyLost(Refused):
    """What this Idempotency-Key was answered with is damaged in storage; this request made no job."""

    code = "idempotency_lost"
    status = 422


class TooLarge(Refused):
    """The file is larger than this server accepts."""

    code = "too_large"
    status = 413
    hinge = Hinge.LIMIT


class TooManyItems(Refused):
    """The submission has more items than one job may hold."""

    code = "too_many_items"
    status = 413


class LengthRequired(Refused):
    """The request has no body, or does not say where its body ends."""

    code = "length_required"
    status = 411


class UnsupportedMedia(Refused):
    """The bytes are no picture of a format that Photochrom reads."""

    code = "unsupported_media"
    status = 415
    hinge = Hinge.FILE


class NotFound(Refused):
    """There is nothing under this address."""

    code = "not_found"
    status = 404


class Unauthorized(Refused):
    """An API key is needed: send `Authorization: Bearer <key>`."""

    code = "unauthorized"
    status = 401


class Forbidden(Refused):
    """This API key may not do that: another scope is needed."""

    code = "forbidden"
    status = 403


class ForeignHost(Refused):
    """Without API keys this server answers only requests addressed to this machine."""

    code = "foreign_host"
    status = 421


class ForeignOrigin(Refused):
    """A page of another site may not call this server."""

    code = "foreign_origin"
    status = 403


class SourceForbidden(Refused):
    """The source lies where this tenant may not fetch masters from."""

    code = "source_forbidden"
    status = 403


class Conflict(PhotochromError):
    """The request does not fit the present state."""

    code = "conflict"
    status = 409


class NotReady(Conflict):
    """The item, or the job, is not done yet."""

    code = "not_ready"
    retryable = True


class ItemFailed(Conflict):
    """The item ended without a result."""

    code = "item_failed"


class JobEnded(Conflict):
    """The job has ended already."""

    code = "job_ended"


class JobNotEnded(Conflict):
    """The job has not ended yet: cancel it first."""

    code = "job_not_ended"


class NothingToRetry(Conflict):
    """None of the job's items can be tried once more."""

    code = "nothing_to_retry"


class UploadIncomplete(Conflict):
    """Some pieces of the upload are not there."""

    code = "upload_incomplete"


class Throttled(PhotochromError):
    """The tenant has had its share for now; ``retry_after`` says in seconds when there is more."""

    code = "throttled"
    status = 429
    retryable = True


class RateLimited(Throttled):
    """Too many requests in too short a time."""

    code = "rate_limited"


class QuotaExceeded(Throttled):
    """The tenant's quota is used up."""

    code = "quota_exceeded"


class PictureError(PhotochromError):
    """This master cannot be colored."""

    code = "picture_error"
    status = 422


class NotAPicture(PictureError):
    """The bytes are no picture of a format that Photochrom reads."""

    code = "not_a_picture"
    hinge = Hinge.FILE


class UnsupportedPicture(PictureError):
    """The picture is of a kind that Photochrom does not color yet."""

    code = "unsupported_picture"
    hinge = Hinge.FILE


class Truncated(PictureError):
    """The file ends before the picture does."""

    code = "truncated"
    hinge = Hinge.FILE


class Corrupt(PictureError):
    """The file is damaged."""

    code = "corrupt"
    hinge = Hinge.FILE


class TooManyPixels(PictureError):
    """The picture has more pixels than this server accepts."""

    code = "too_many_pixels"
    hinge = Hinge.LIMIT


class TooManyPages(PictureError):
    """The file has more pages than this server colors in one derivative."""

    code = "too_many_pages"
    hinge = Hinge.LIMIT


class MetadataTooLarge(PictureError):
    """The profile or the metadata of the file are larger than this server accepts."""

    code = "metadata_too_large"
    hinge = Hinge.LIMIT


class TooExpensive(PictureError):
    """The picture needs more memory, time or space than this server gives one."""

    code = "too_expensive"
    hinge = Hinge.LIMIT


class DecodeCrashed(PictureError):
    """The process that decoded this picture died, twice."""

    code = "decode_crashed"
    hinge = Hinge.FILE


class AlreadyColor(PictureError):
    """The master is in color already, and the recipe says to skip such masters."""

    code = "already_color"
    hinge = Hinge.FILE


class MasterMissing(PictureError):
    """The master is no longer in storage."""

    code = "master_missing"


class MasterDamaged(PictureError):
    """The master's bytes in storage no longer have its SHA-256."""

    code = "master_damaged"


class SourceMissing(PictureError):
    """The source is not in its bucket."""

    code = "source_missing"


class SourceChanged(PictureError):
    """The source is another object than when it was submitted."""

    code = "source_changed"


class ManifestDamaged(PictureError):
    """What the job's manifest in storage said of this item is lost."""

    code = "manifest_damaged"


class WorkerLost(PictureError):
    """Each attempt at this item ended with a worker that died, was cut off or met something unforeseen."""

    code = "worker_lost"


class NetFailed(PictureError):
    """The net gave no usable answer for this picture."""

    code = "net_failed"


class Unavailable(PhotochromError):
    """Something that Photochrom needs is away; try again later."""

    code = "unavailable"
    status = 503
    retryable = True


class StorageUnavailable(Unavailable):
    """The storage does not answer."""

    code = "storage_unavailable"


class IndexUnavailable(Unavailable):
    """The index (Redis or Valkey) does not answer."""

    code = "index_unavailable"


class JobRecovering(Unavailable):
    """The job is safe in storage; its progress is being rebuilt."""

    code = "job_recovering"


class MastersCondemned(Unavailable):
    """A prune is removing some of the named masters at this moment."""

    code = "masters_condemned"


class SandboxUnavailable(Unavailable):
    """The process in which pictures are decoded cannot be started, or has no room for its files."""

    code = "sandbox_unavailable"


class TooManyStreams(Unavailable):
    """As many clients as this server has room for are following jobs already: poll instead."""

    code = "too_many_streams"


class TooManyBodies(Unavailable):
    """As many bodies come slowly as this server has room for: send it again later."""

    code = "too_many_bodies"


class Misconfigured(PhotochromError):
    """The set-up is wrong."""

    code = "misconfigured"


class InvalidSetting(Misconfigured):
    """A setting has a bad value."""

    code = "invalid_setting"


class StorageUnfit(Misconfigured):
    """The storage cannot keep Photochrom's promises."""

    code = "storage_unfit"


class RecordDamaged(Misconfigured):
    """A record in storage cannot be understood: it was damaged after it was written."""

    code = "record_damaged"


class ModelMissing(Misconfigured):
    """The model's files are not on this machine."""

    code = "model_missing"


class ModelDamaged(Misconfigured):
    """The model's files do not have the registered SHA-256."""

    code = "model_damaged"


class NotAModel(Misconfigured):
    """The file is no model, or not one of the shape that it is said to have."""

    code = "not_a_model"


class ModelNotFetched(Misconfigured):
    """The model's files could not be fetched."""

    code = "model_not_fetched"


class RegistryDamaged(Misconfigured):
    """The operator's registry in the models folder cannot be understood."""

    code = "registry_damaged"


class NetSelfTestFailed(Misconfigured):
    """The loaded net does not give its known answers."""

    code = "net_self_test_failed"


class EngineUnavailable(Misconfigured):
    """The engine or the device that was asked for is not on this machine."""

    code = "engine_unavailable"


class TrainingFailed(Misconfigured):
    """A net cannot be trained on these photos, from this checkpoint, or with these options."""

    code = "training_failed"


def errors() -> list[type[PhotochromError]]:
    """Returns every class of the tree, depth first, the root first."""

    def walk(cls: type[PhotochromError]) -> list[type[PhotochromError]]:
        return [cls, *(sub for child in cls.__subclasses__() for sub in walk(child))]

    return walk(PhotochromError)
