"""The app factory: puts routes, problems and the doorkeeper together."""

from __future__ import annotations

from typing import cast

from flask import Response, request
from flask.json.provider import DefaultJSONProvider
from flask_openapi3 import Info, OpenAPI
from flask_openapi3.models import Schema

from api import asking, health, items, jobs, models, page, problems, reports, schemas, uploads
from api.auth import Doorkeeper
from shared.services import Services

_REF = "#/components/schemas/{model}"
_DESCRIPTION = "Colorizes black-and-white photographs. Submit pictures, poll the job, fetch the results."


def create_app(services: Services) -> OpenAPI:
    """Returns the WSGI app over the given services."""
    app = OpenAPI(
        "api",
        info=Info(title="Photochrom", version="1", description=_DESCRIPTION),
        security_schemes={"key": {"type": "http", "scheme": "bearer"}},
        validation_error_callback=problems.invalid,
        validation_error_model=schemas.Problem,
        static_folder="pages",
        static_url_path="/static",
    )
    app.extensions["photochrom"] = services
    doorkeeper = Doorkeeper(services.store, services.clock)
    app.before_request(lambda: asking.admit(doorkeeper))
    app.after_request(_harden)
    problems.install(app)
    for resource in (jobs, items, uploads, reports, models, health):
        app.register_api(resource.blueprint)
    app.register_blueprint(page.blueprint)
    # The body of POST /v1/jobs is read by hand, so its parts are named to the document by hand.
    for name, schema in schemas.JobRequest.model_json_schema(ref_template=_REF)["$defs"].items():
        app.components_schemas[name] = Schema(**schema)
    cast("DefaultJSONProvider", app.json).sort_keys = False
    return app


def _harden(response: Response) -> Response:
    """Adds what every answer carries. The documentation page brings scripts of its own and has no policy."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if not request.path.startswith("/openapi"):
        response.headers["Content-Security-Policy"] = page.POLICY
    return response
