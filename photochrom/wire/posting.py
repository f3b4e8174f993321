"""Making jobs: of a few masters in one JSON document, of up to a million by a line each."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from photochrom.wire.records import Job
from photochrom.wire.transport import Transport

#: The most items of a JSON document; beyond it the server wants lines.
_DOCUMENT_ITEMS = 10_000

#: Seconds that the server may be silent while it checks a million masters.
_SILENCE = 1800.0


def submit(
    transport: Transport, items: Iterable[Mapping[str, Any]], head: Mapping[str, Any], idempotency_key: str
) -> Job:
    """Makes a job of items under a key; `head` has recipe, and webhook and priority where they are asked for.

    Items are read once and never all held: beyond 10,000 they wait in a temporary file, so that a call can be repeated.
    """
    rest = iter(items)
    first = [dict(item) for item in islice(rest, _DOCUMENT_ITEMS + 1)]
    headers = {"Idempotency-Key": idempotency_key}
    if len(first) <= _DOCUMENT_ITEMS:
        body = {**head, "items": first}
        return transport.json("POST", "/v1/jobs", Job.from_json, json=body, headers=headers, silence=_SILENCE)
    headers["Content-Type"] = "application/x-ndjson"
    with tempfile.NamedTemporaryFile(prefix="photochrom-", suffix=".ndjson") as file:
        file.writelines(_lines(head, chain(first, rest)))
        file.flush()
        lines = Path(file.name)
        return transport.json("POST", "/v1/jobs", Job.from_json, file=lines, headers=headers, silence=_SILENCE)


def _lines(head: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    for line in chain((head,), items):
        yield json.dumps(dict(line), ensure_ascii=False, allow_nan=False).encode() + b"\n"
