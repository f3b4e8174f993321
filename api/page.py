"""`/`: the web page."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

blueprint = Blueprint("page", __name__)


@blueprint.get("/")
def get_page() -> Response:
    """Sends the page."""
    return current_app.send_static_file("index.html")
