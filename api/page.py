"""`/`: the web page."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

blueprint = Blueprint("page", __name__)

#: What a page of ours may load (Content Security Policy, level 3).
POLICY = "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


@blueprint.get("/")
def get_page() -> Response:
    """Sends the page."""
    return current_app.send_static_file("index.html")
