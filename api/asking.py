"""The request at hand: its tenant, and answers that every resource gives alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast
from unicodedata import normalize
from urllib.parse import quote

from flask import Response, g, jsonify, request

from api import scopes
from api.auth import Caller, Doorkeeper, Knock
from api.job_views import JobView
from api.meter import Meter
from api.services import services
from shared.errors import StorageUnavailable, Unauthorized
from shared.index.quotas import Limits


def admit(doorkeeper: Doorkeeper, meter: Meter) -> None:
    """Finds out whose request this is, whether it may be made, and charges it to its tenant; before any route."""
    route = request.url_rule.rule if request.url_rule else None
    if not scopes.needed(request.method, route) and _has_keys(doorkeeper):
        return
    g.again = partial(doorkeeper.caller, _knock())
    g.caller = g.again()
    scopes.check(g.caller.scopes, request.method, route)
    if g.caller.keyed:
        meter.admit(g.caller.tenant)


def caller() -> Caller:
    """Returns whose request this is."""
    return cast("Caller", g.caller)


def admitted() -> Callable[[], bool]:
    """Returns what tells whether this request would still be let in: while it lasts its key may be revoked."""
    again = g.again

    def still() -> bool:
        try:
            again()
        except Unauthorized:
            return False
        except StorageUnavailable:
            pass  # nobody can tell now; who was let in stays
        return True

    return still


def tenant() -> str:
    """Returns the tenant that this request belongs to."""
    return caller().tenant


def limits() -> Limits | None:
    """Returns the quotas of whoever makes this request; None for somebody who has none."""
    return Limits.of(services().settings) if caller().keyed else None


def _knock() -> Knock:
    headers = request.headers
    return Knock(
        authorization=headers.get("Authorization"),
        host=request.host,
        origin=headers.get("Origin"),
        site=headers.get("Sec-Fetch-Site"),
        navigates=request.method in ("GET", "HEAD") and headers.get("Sec-Fetch-Mode") == "navigate",
    )


def _has_keys(doorkeeper: Doorkeeper) -> bool:
    """Tells whether a call that is open to everybody need not be looked at any further."""
    try:
        return not doorkeeper.keyless()
    except StorageUnavailable:
        return True  # health has to be told just then


def job_answer(view: JobView, status: int = 200, **headers: str) -> Response:
    """Renders a job with its ETag; 304 where the client has it already."""
    now = services().clock.now()
    known = status == 200 and request.if_none_match.contains_weak(view.etag)
    response = Response(status=304, mimetype="application/json") if known else jsonify(view.to_json(now))
    response.status_code = 304 if known else status
    response.headers["Cache-Control"] = "private, no-cache"
    if not view.ended:
        response.headers["Retry-After"] = str(view.retry_after(now))
    response.set_etag(view.etag)
    response.headers.update(headers)
    return response


def bytes_answer(data: Any, *, media_type: str, size: int, etag: str, filename: str, inline: bool) -> Response:
    """Streams stored bytes that never change under their address."""
    response = Response(data, mimetype=media_type, direct_passthrough=True)
    response.content_length = size
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    # Whoever forgets a key, or has another, must not get them from the browser's cache.
    response.vary.add("Authorization")
    # A header cannot carry all that a name can.
    response.headers.set("Content-Disposition", "inline" if inline else "attachment", **_called(filename))
    response.set_etag(etag)
    response.make_conditional(request)
    return response


def _called(filename: str) -> dict[str, str]:
    """Returns how a header says a file's name (RFC 6266): in ASCII, and where that is less, in UTF-8 as well."""
    name = "".join(char if char.isprintable() else "_" for char in filename)
    if name.isascii():
        return {"filename": name}
    bare = normalize("NFKD", name).encode("ascii", "ignore").decode()
    return {"filename": bare, "filename*": f"UTF-8''{quote(name, safe='')}"}
