"""What every answer carries: how far a browser may trust it, keep it, and pass it on."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Response, request

#: What a page may load (Content Security Policy, level 3): its own files, pictures that it was given as bytes, and
#: those that a signed link leads to.
_PAGE = (
    "default-src 'none'; script-src {scripts}; style-src {styles}; img-src 'self'{links} blob: data:; "
    "connect-src 'self'{links}; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)

#: What anything else may load and run where somebody opens it as a page: nothing.
_NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def hardener(public_url: str) -> Callable[[Response], Response]:
    """Returns what adds the headers to an answer; what a route has set already stays.

    `public_url` is the address of signed links, empty where there are none.
    """
    links = f" {urlsplit(public_url).scheme}://{urlsplit(public_url).netloc}" if public_url else ""

    def harden(response: Response) -> Response:
        headers = response.headers
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Content-Security-Policy"] = _policy(response, links)
        # What no route calls cacheable is a tenant's, or of the moment.
        headers.setdefault("Cache-Control", "no-store")
        return response

    return harden


def _policy(response: Response, links: str) -> str:
    if response.mimetype != "text/html":
        return _NO_PAGE
    allowed = {"script": ["'self'"], "style": ["'self'"]}
    if request.path.startswith("/openapi/"):
        # The library of the documentation page writes a script and a style into it: allowed by their hashes.
        for kind, text in _INLINE.findall(response.get_data(as_text=True)):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            allowed[kind].append(f"'sha256-{digest}'")
    return _PAGE.format(scripts=" ".join(allowed["script"]), styles=" ".join(allowed["style"]), links=links)
