"""JSON from outside, read strictly: what is ambiguous or malformed is refused with the place where it is."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

from flask import request
from flask.json.provider import DefaultJSONProvider

from shared.errors import InvalidRequest

#: The largest JSON body, bytes.
MAX_BYTES = 16 << 20

#: Most characters of a name that a problem repeats.
_SHOWN = 64

#: Half of a surrogate pair, escaped: it may be that the other half is missing.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class StrictJson(DefaultJSONProvider):
    """The app's JSON: bodies are read by `read_json`, answers keep the order of their fields."""

    sort_keys = False

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Reads a body."""
        return read_json(s)


def bound() -> None:
    """Refuses a JSON body that is too large before any of it is read; one without a length ends there."""
    if request.mimetype != "application/json":
        return
    request.max_content_length = MAX_BYTES
    if (size := request.content_length or 0) > MAX_BYTES:
        raise InvalidRequest(f"A JSON body has at most {MAX_BYTES:,} bytes.", field="body", limit=MAX_BYTES, seen=size)


def read_json(data: str | bytes, *, field: str = "body") -> Any:
    """Returns what a JSON text (RFC 8259, UTF-8) says; `field` is what a problem calls it.

    Raises InvalidRequest with the place for what is no such text, and for what readers understand differently: a name
    that stands twice in an object, NaN and Infinity, half of a surrogate pair; and for nesting beyond what is read.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        value = _DECODER.decode(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"`{field}` is not UTF-8 at byte {error.start:,}.", field=field, seen=error.start
        ) from error
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"`{field}` has half of a surrogate pair.", field=field) from error
    except RecursionError as error:
        raise InvalidRequest(f"`{field}` is nested deeper than any request is.", field=field) from error
    except ValueError as error:
        raise InvalidRequest(f"`{field}` is no JSON: {error}.", field=field) from error
    return value


def shown(name: object) -> str:
    """Returns a name from outside as a problem repeats it: not at any length."""
    text = str(name)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = shown(next(name for name, count in counts.items() if count > 1))
        raise InvalidRequest(f"`{twice}` stands twice in one object of the JSON.", field=twice)
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


#: Made once: a manifest has a million texts.
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
