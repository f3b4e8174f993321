"""The app factory: puts routes, problems and the doorkeeper together."""

from __future__ import annotations

from flask_openapi3 import Info, OpenAPI
from flask_openapi3.models import Schema

from api import (
    asking,
    bodies,
    controls,
    counts,
    events,
    fields,
    headers,
    health,
    items,
    jobs,
    metrics,
    models,
    page,
    polling,
    problems,
    queue,
    receiving,
    reports,
    schemas,
    scopes,
    states,
    strict_json,
    uploads,
)
from api.auth import Doorkeeper, is_loopback
from api.meter import Meter
from shared.index.quotas import Limits
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
    polling.provide(app, services.settings.api_threads)
    exposed = not is_loopback(services.settings.api_host)
    doorkeeper = Doorkeeper(services.store, services.clock, exposed=exposed)
    meter = Meter(services.index.quotas, Limits.of(services.settings), services.clock)
    counts.install(app)
    app.before_request(bodies.watch)
    app.before_request(lambda: asking.admit(doorkeeper, meter))
    receiving.install(app, services.settings.api_threads)
    app.before_request(strict_json.bound)
    app.after_request(meter.tell)
    app.after_request(headers.hardener(services.settings.s3_public_url))
    problems.install(app)
    for resource in (jobs, controls, items, states, events, uploads, reports, models, queue, health):
        app.register_api(resource.blueprint)
    app.register_blueprint(page.blueprint)
    app.register_blueprint(metrics.blueprint)
    scopes.document(app)
    fields.document(app)
    # The body of POST /v1/jobs is read by hand, so its parts are named to the document by hand.
    named = schemas.JobRequest.model_json_schema(ref_template=_REF)["$defs"]
    named["HeadRequest"] = schemas.HeadRequest.model_json_schema(ref_template=_REF)
    for name, schema in named.items():
        app.components_schemas[name] = Schema(**schema)
    app.json = strict_json.StrictJson(app)
    return app
