"""The shapes of requests and answers, as the OpenAPI document has them."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.items import ItemState
from shared.jobs import JobState, Priority
from shared.recipes import MAX_CANDIDATES, BitDepth, Colored, Compression, FormatName, Pages
from shared.sources.rules import MAX_KEY, parse_source
from shared.webhooks import MAX_URL

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256, hexadecimal")]


def _checked(source: str) -> str:
    parse_source(source)
    return source


Address = Annotated[
    str,
    AfterValidator(_checked),
    Field(
        max_length=MAX_KEY + 80,
        pattern="^s3://",
        description="s3://bucket/key, the key taken literally; where the operator allows it",
    ),
]

Temperature = Annotated[float, Field(ge=0.05, le=1.0)]

#: Items of one JSON submission.
MAX_JSON_ITEMS = 10_000
#: What a submission says of `webhook`.
WEBHOOK = "https URL that is told when the job ends"
#: Files that one call asks about.
MAX_ASKED = 1_000


class Strict(BaseModel):
    """A request: a field that is not named here is refused, never ignored."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Returns the JSON schema; the one without options, which the framework asks for at each call, is made once."""
        return super().model_json_schema(*args, **options) if args or options else _plain_schema(cls)


@cache
def _plain_schema(model: type[Strict]) -> dict[str, Any]:
    return super(Strict, model).model_json_schema()


class Empty(Strict):
    """A query without fields."""


class RecipeRequest(Strict):
    """How to color; what is left out has its default."""

    model: str = Field(default="lite", description="Name of a model, see /v1/models")
    temperature: float = Field(
        default=0.38,
        ge=0.05,
        le=1.0,
        description="Annealed mean: 0.05 is each cell's likeliest color, 1 the mean of all",
    )
    candidates: list[Temperature] = Field(
        default=[],
        max_length=MAX_CANDIDATES,
        description="Temperatures, instead of `temperature`: a derivative at each, to choose from",
    )
    chroma_gain: float = Field(default=1.0, ge=0.0, le=2.0, description="Factor on the colors; 0 gives gray")
    format: FormatName = Field(default="master", description="File format; master keeps the master's")
    compression: Compression = Field(default="auto", description="auto keeps the master's where it can")
    quality: int = Field(default=95, ge=1, le=100, description="Where the compression is lossy")
    bit_depth: BitDepth | Literal[8, 16] = Field(default="master", description="Bits a sample")
    pages: Pages = Field(default="first", description="Which pages of a multi-page TIFF")
    colored: Colored = Field(default="recolor", description="What to do with a master in color")


class ItemRequest(Strict):
    """One master: one that is stored, or one that lies in a bucket."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"oneOf": [{"required": ["sha256"]}, {"required": ["source"]}]}
    )

    sha256: Digest | None = None
    source: Address | None = None
    filename: str | None = Field(
        default=None, min_length=1, max_length=512, description="untitled, or the source's own name, if left out"
    )
    client_ref: str | None = Field(default=None, max_length=512)

    @model_validator(mode="after")
    def _names_one_master(self) -> ItemRequest:
        if (self.sha256 is None) == (self.source is None):
            raise ValueError("an item has either `sha256` or `source`")
        return self


class HeadRequest(Strict):
    """What is asked for all items: the first line of an NDJSON submission."""

    recipe: RecipeRequest = Field(default_factory=RecipeRequest)
    webhook: str | None = Field(default=None, max_length=MAX_URL, description=WEBHOOK)
    priority: Priority = Field(
        default=Priority.NORMAL, description="which of the tenant's jobs of about the same size goes first"
    )


class JobRequest(HeadRequest):
    """A submission of masters that are stored already, or that lie in a bucket."""

    items: list[ItemRequest] = Field(min_length=1, max_length=MAX_JSON_ITEMS)


class PriorityRequest(Strict):
    """Which of a tenant's jobs go first."""

    priority: Priority


class RetryRequest(Strict):
    """Which items to try once more."""

    states: list[Literal[ItemState.FAILED, ItemState.CANCELED]] = Field(
        default=[ItemState.FAILED], min_length=1, max_length=2, description="how the items ended"
    )


class FileRequest(Strict):
    """A file that the client has."""

    sha256: Digest
    size: int = Field(ge=1, description="bytes")


class UploadsRequest(Strict):
    """Files to ask about."""

    files: list[FileRequest] = Field(min_length=1, max_length=MAX_ASKED)


class JobPath(BaseModel):
    """A job."""

    job_id: str


class ItemPath(BaseModel):
    """An item of a job."""

    job_id: str
    number: int = Field(ge=0)


class UploadPath(BaseModel):
    """An upload, named by its bytes."""

    sha256: Digest


class ListQuery(Strict):
    """A page of jobs."""

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = Field(default=None, description="`next` of the page before")


class ItemsQuery(Strict):
    """A page of items."""

    state: ItemState | None = None
    sort: Literal["uncertainty"] | None = Field(
        default=None, description="the most uncertain of a job that has ended, most uncertain first; not with `state`"
    )
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: int = Field(default=0, ge=0, description="`next` of the page before")


class ResultQuery(Strict):
    """Which of several candidates."""

    candidate: int | None = Field(
        default=None, ge=0, description="its place in the recipe, from 0; the first if left out"
    )


class PreviewQuery(ResultQuery):
    """Which picture to preview."""

    of: Literal["derivative", "master"] = "derivative"


class Counts(BaseModel):
    """How many items are in which state."""

    queued: int
    running: int
    succeeded: int
    failed: int
    canceled: int


class Job(BaseModel):
    """A job as it stands."""

    id: str
    state: JobState
    revision: int
    created_at: str
    finished_at: str | None
    recipe: dict[str, Any]
    model: str
    total: int
    priority: Priority
    retry_of: str | None = Field(description="id of the job whose items these were, too")
    counts: Counts
    progress: float = Field(description="0..1")
    eta_seconds: int | None
    waiting_for: str | None
    webhook: str | None = Field(description="what is told of the end, without path and query, which may be secret")
    links: dict[str, str]


class Jobs(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next: str | None


class Candidate(BaseModel):
    """One of several derivatives of an item."""

    temperature: float
    warnings: list[str]
    delta_l: dict[str, float]
    encoded_delta_l: dict[str, float] | None
    derivative: dict[str, Any]
    links: dict[str, str]


class Item(BaseModel):
    """An item as it stands."""

    number: int
    state: ItemState
    filename: str
    client_ref: str | None
    master: str | None = Field(description="SHA-256; null until a source is fetched, and where the bytes were refused")
    source: str | None = Field(description="s3://bucket/key of a master that was not uploaded")
    code: str | None
    detail: str | None
    warnings: list[str]
    tone: str | None
    delta_l: dict[str, float] | None
    encoded_delta_l: dict[str, float] | None
    uncertainty: dict[str, float] | None = Field(description="0..1: mean and p95 of the net's normalized entropy")
    derivative: dict[str, Any] | None
    candidates: list[Candidate] = Field(description="one a candidate of the recipe; the first is `derivative`")
    links: dict[str, str]


class Items(BaseModel):
    """A page of items, in their order or sorted."""

    items: list[Item]
    next: int | None


class Upload(BaseModel):
    """Whether a file is stored, and how to send it."""

    sha256: str
    present: bool
    upload: dict[str, Any] | None
    problem: dict[str, Any] | None = None


class PiecesRequest(Strict):
    """A file that goes straight to storage in pieces."""

    size: int = Field(ge=1, description="bytes")


class PiecePut(BaseModel):
    """A piece that is not there, and how to send it."""

    number: int
    start: int = Field(description="its offset in the file, bytes")
    size: int = Field(description="bytes")
    method: str
    url: str
    headers: dict[str, str]


class PiecesUpload(BaseModel):
    """How far an upload in pieces is."""

    sha256: str
    size: int
    present: bool = Field(description="whether the file is a stored master already")
    piece_bytes: int | None = Field(description="bytes of each piece but the last; null where there is nothing to send")
    pieces: list[PiecePut] = Field(description="those that are not there; the links are good for an hour")
    links: dict[str, str]


class Proving(BaseModel):
    """The bytes are being proved: ask again."""

    sha256: str
    state: Literal["proving"]


class Uploads(BaseModel):
    """One answer a file, in the order of the question."""

    files: list[Upload]


class Stored(BaseModel):
    """A stored master."""

    sha256: str
    size: int
    format: str


class Model(BaseModel):
    """A model that is registered here, or that a live worker has."""

    name: str
    digest: str | None = Field(description="SHA-256 of its weights; null until its file is first fetched")
    summary: str
    license: str
    default: bool
    available: bool = Field(description="whether a live worker serves it")


class Models(BaseModel):
    """The models."""

    models: list[Model]


class ModelQueue(BaseModel):
    """The work of one model, in items."""

    digest: str | None
    waiting: int = Field(description="could begin now or later: not those of paused and canceled jobs")
    running: int
    unfinished: int = Field(description="`waiting`, `running`, and 1 for each job whose end has to be recorded")
    small: int = Field(description="`waiting` of jobs of up to 10 items")
    large: int = Field(description="`waiting` of larger jobs")
    slots: int = Field(description="items that the live workers take at once")


class Queue(BaseModel):
    """The work of all tenants, in items."""

    waiting: int
    running: int
    slots: int
    models: dict[str, ModelQueue]


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
