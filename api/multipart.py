"""Multipart submissions, read as they stream in: one file is on disk at a time, none in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import IO, Any

from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from api.spool import Spool
from api.strict_json import read_json, shown
from shared.errors import InvalidRequest, PhotochromError, TooLarge, TooManyItems, UnsupportedMedia
from shared.items import Item, Refusal
from shared.jobs import Priority
from shared.storage import ObjectStore

#: Files of one multipart submission.
MAX_IMAGES = 1_000

#: Text of one form field, bytes.
_MAX_FIELD = 64 << 10

#: Characters of a `client_ref`, as in a JSON submission.
_MAX_REF = 512

_FIELDS = ("image", "recipe", "client_ref", "webhook", "priority")

_CHUNK = 256 << 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """One `image` of a submission."""

    #: the client's name for the file
    filename: str
    #: SHA-256 of the master that it became; None where no bytes were kept
    master: str | None = None
    #: why it cannot be colored, as far as its size and first bytes tell
    refusal: PhotochromError | None = None


@dataclass(kw_only=True, slots=True)
class Form:
    """What a multipart submission held."""

    #: the recipe as it was asked for
    recipe: dict[str, Any] = field(default_factory=dict)
    #: the clients' own names, one for each image or none
    client_refs: list[str] = field(default_factory=list)
    #: what is told of the job's end, as it was sent
    webhook: str | None = None
    #: which of the tenant's jobs goes first
    priority: Priority | None = None
    #: the files in their order
    images: list[Image] = field(default_factory=list)

    def items(self) -> tuple[Item, ...]:
        """Returns the items; raises what refuses the submission as a whole."""
        if not self.images:
            raise InvalidRequest("`image` is missing: send at least one file.", field="image")
        if len(self.images) == 1 and self.images[0].refusal:
            raise self.images[0].refusal
        if self.client_refs and len(self.client_refs) != len(self.images):
            raise InvalidRequest(
                f"Send one `client_ref` for each of the {len(self.images)} images, or none.",
                field="client_ref",
                limit=len(self.images),
                seen=len(self.client_refs),
            )
        refs: Sequence[str | None] = self.client_refs or [None] * len(self.images)
        return tuple(
            _item(number, image, ref) for number, (image, ref) in enumerate(zip(self.images, refs, strict=True))
        )


def read_form(body: IO[bytes], boundary: str, store: ObjectStore, tenant: str, *, limit: int) -> Form:
    """Reads a submission to its end and stores its images as masters.

    A file above `limit` bytes is not kept. One that is no picture is kept, and fails later as its item; alone it
    refuses the submission and is not kept. Raises InvalidRequest for what is no form of this API.
    """
    form = Form()
    with closing(_Shelf(store, tenant)) as shelf:
        for part, chunks in _parts(body, boundary):
            if isinstance(part, File):
                if part.name != "image":
                    raise InvalidRequest(
                        f"Unknown file field {shown(part.name)!r}: send files as `image`.", field="image"
                    )
                if len(form.images) == MAX_IMAGES:
                    raise TooManyItems(f"A request holds at most {MAX_IMAGES:,} images.", limit=MAX_IMAGES)
                form.images.append(shelf.take(_label(part.filename), chunks, limit))
            else:
                _take_field(form, part.name, _text(part.name, chunks))
    return form


class _Shelf:
    """Puts files into storage; the first, where it is no picture, only when a second comes."""

    def __init__(self, store: ObjectStore, tenant: str) -> None:
        self._store = store
        self._tenant = tenant
        self._taken = 0
        self._first: Spool | None = None

    def take(self, filename: str, chunks: Iterator[bytes], limit: int) -> Image:
        """Reads one file."""
        if self._first is not None:
            with self._first as held:
                held.store(self._store, self._tenant)
            self._first = None
        self._taken += 1
        spool = Spool(limit)
        try:
            for chunk in chunks:
                spool.write(chunk)
        except BaseException:
            spool.close()  # the form breaks off within this file
            raise
        try:
            spool.check_size()
        except TooLarge as error:
            spool.close()
            return Image(filename=filename, refusal=error)
        try:
            spool.check_format()
        except UnsupportedMedia as error:
            refusal: UnsupportedMedia | None = error
        else:
            refusal = None
        if refusal and self._taken == 1:
            self._first = spool
        else:
            with spool:
                spool.store(self._store, self._tenant)
        return Image(filename=filename, master=spool.sha256, refusal=refusal)

    def close(self) -> None:
        """Drops the file that was held back."""
        if self._first is not None:
            self._first.close()


def _parts(body: IO[bytes], boundary: str) -> Iterator[tuple[File | Field, Iterator[bytes]]]:
    """Yields each part with its bytes, which must be read before the next part."""
    decoder = MultipartDecoder(boundary.encode())
    while not isinstance(event := _next(decoder, body), Epilogue):
        if isinstance(event, File | Field):
            yield event, _chunks(decoder, body)


def _chunks(decoder: MultipartDecoder, body: IO[bytes]) -> Iterator[bytes]:
    while isinstance(event := _next(decoder, body), Data):
        yield event.data
        if not event.more_data:
            return


def _next(decoder: MultipartDecoder, body: IO[bytes]) -> Event:
    try:
        while isinstance(event := decoder.next_event(), NeedData):
            decoder.receive_data(body.read(_CHUNK) or None)
    except ValueError as error:
        raise InvalidRequest(f"The body is no complete multipart form: {error}.") from error
    return event


def _text(name: str, chunks: Iterator[bytes]) -> str:
    text = b""
    for chunk in chunks:
        text += chunk
        if len(text) > _MAX_FIELD:
            raise InvalidRequest(f"`{name}` has more than {_MAX_FIELD:,} bytes.", field=name, limit=_MAX_FIELD)
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"`{name}` is not UTF-8.", field=name) from error


def _take_field(form: Form, name: str, value: str) -> None:
    if name == "client_ref":
        if len(value) > _MAX_REF:
            raise InvalidRequest(f"A `client_ref` has at most {_MAX_REF} characters.", field=name, limit=_MAX_REF)
        if len(form.client_refs) == MAX_IMAGES:
            raise TooManyItems(f"A request holds at most {MAX_IMAGES:,} images.", limit=MAX_IMAGES)
        form.client_refs.append(value)
    elif name == "recipe":
        recipe = read_json(value, field="recipe")
        if not isinstance(recipe, dict):
            raise InvalidRequest("`recipe` must be a JSON object.", field="recipe")
        form.recipe = recipe
    elif name == "webhook":
        if form.webhook is not None:
            raise InvalidRequest("Send one `webhook` at most.", field="webhook", limit=1)
        form.webhook = value
    elif name == "priority":
        if form.priority is not None or value not in list(Priority):
            raise InvalidRequest(
                f"Send one `priority` at most: {', '.join(Priority)}.", field="priority", limit=list(Priority)
            )
        form.priority = Priority(value)
    else:
        raise InvalidRequest(
            f"Unknown field {shown(name)!r}. Known: {', '.join(_FIELDS)}.", field=shown(name), known=list(_FIELDS)
        )


def _label(filename: str | None) -> str:
    """Returns a file name fit to be shown and saved: no control characters, no way out of a folder."""
    text = "".join(char for char in filename or "" if char.isprintable()).replace("\\", "/")
    steps = [step for step in text.split("/") if step not in ("", ".", "..")]
    return "/".join(steps)[-512:] or "untitled"


def _item(number: int, image: Image, client_ref: str | None) -> Item:
    refusal = None
    if image.master is None and image.refusal:
        refusal = Refusal(code=image.refusal.code, detail=image.refusal.detail)
    return Item(number=number, master=image.master, filename=image.filename, client_ref=client_ref, refusal=refusal)
