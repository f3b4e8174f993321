"""Manifests: NDJSON submissions, an item a line, read as they stream in; one line is in memory at a time."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any

from pydantic import ValidationError

from api.findings import Findings
from api.pinning import unpinned
from api.problems import found_by
from api.schemas import HeadRequest, ItemRequest
from api.strict_json import read_json
from shared.errors import InvalidRequest, TooManyItems
from shared.items import Item
from shared.jobs import MAX_ITEMS
from shared.sources.rules import parse_source

#: Bytes of a line, without its end.
MAX_LINE = 64 << 10

#: Characters of a file name that a client did not give.
_MAX_NAME = 512

_CHUNK = 256 << 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """An NDJSON submission, of which the first line is read."""

    #: what is asked for all items
    head: HeadRequest
    #: the items, to be read once
    items: Iterator[Item]
    #: where their problems go
    findings: Findings


def read_manifest(body: IO[bytes]) -> Manifest:
    """Reads the head of a manifest; its items come as they are read, those that do not hold go to the findings.

    A first line without `sha256` and `source` is the head. Raises InvalidRequest for a first line that does not hold, a
    line that is too long, and a body without items; TooManyItems comes with the items.
    """
    lines = split(body)
    first = next(lines, None)
    if first is None:
        raise InvalidRequest("The manifest has no items.", field="body")
    try:
        data = _object(first)
        is_head = _is_head(data)
        head = HeadRequest.model_validate(data) if is_head else HeadRequest()
    except (InvalidRequest, ValidationError) as error:
        field, words = _told(error)
        raise InvalidRequest(f"Line 1: {words}", field=field, line=1) from error
    findings = Findings(first_line=2 if is_head else 1)
    return Manifest(head=head, items=_items(lines if is_head else chain([first], lines), findings), findings=findings)


def split(body: IO[bytes]) -> Iterator[bytes]:
    """Yields the lines of a body without their LF; the last need not have one. A CR before it is left: JSON's space.

    Raises InvalidRequest for a line of more than `MAX_LINE` bytes; no more of it is held.
    """
    rest, number = b"", 0
    while chunk := body.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            yield _checked(line, number)
        _checked(rest, number + 1)
    if rest:
        yield rest


def item_of(number: int, asked: ItemRequest) -> Item:
    """Returns the item that a line, or an entry of a JSON body, asks for."""
    if asked.source is None:
        return Item(
            number=number, master=asked.sha256, filename=asked.filename or "untitled", client_ref=asked.client_ref
        )
    bucket, key = parse_source(asked.source)
    name = asked.filename or key.rsplit("/", 1)[-1][-_MAX_NAME:]
    return Item(number=number, master=None, filename=name, client_ref=asked.client_ref, source=unpinned(bucket, key))


def _items(lines: Iterator[bytes], findings: Findings) -> Iterator[Item]:
    number = -1
    for number, line in enumerate(lines):
        if number == MAX_ITEMS:  # those that do not hold count, too: a body has an end
            raise TooManyItems(f"A job has at most {MAX_ITEMS:,} items: submit the others as another.", limit=MAX_ITEMS)
        try:
            item = _item(number, line)
        except (InvalidRequest, ValidationError) as error:
            field, words = _told(error)
            findings.add(number, field, InvalidRequest(f"{findings.place(number)}: {words}"))
        else:
            yield item
    if number < 0:
        raise InvalidRequest("The manifest has no items.", field="body")


def _item(number: int, line: bytes) -> Item:
    data = _object(line)
    if _is_head(data):
        raise InvalidRequest("neither `sha256` nor `source`; only the first line can be the head", field="sha256")
    return item_of(number, ItemRequest.model_validate(data))


def _is_head(data: dict[str, Any]) -> bool:
    return "sha256" not in data and "source" not in data


def _object(line: bytes) -> dict[str, Any]:
    if not line.strip():
        raise InvalidRequest("it is empty; only the end of the last line may be followed by nothing", field="line")
    if line.startswith(BOM_UTF8):
        raise InvalidRequest("it begins with a byte order mark; save the manifest as UTF-8 without one", field="line")
    data = read_json(line, field="line")
    if not isinstance(data, dict):
        raise InvalidRequest("it is no JSON object", field="line")
    return data


def _told(error: InvalidRequest | ValidationError) -> tuple[str, str]:
    """Returns the field of a line and what is wrong with it."""
    if isinstance(error, ValidationError):
        field, detail = found_by(error)[0].values()
        return (field, f"{field}: {detail}.") if field != "body" else ("line", f"{detail}.")
    cause = error.__cause__
    if isinstance(cause, json.JSONDecodeError):
        return "line", f"no JSON: {cause.msg} at column {cause.colno}."
    return error.extra["field"], f"{error.detail.removesuffix('.')}."


def _checked(line: bytes, number: int) -> bytes:
    if len(line) > MAX_LINE:
        raise InvalidRequest(
            f"Line {number:,} has more than {MAX_LINE:,} bytes.", field="line", line=number, limit=MAX_LINE
        )
    return line
