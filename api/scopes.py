"""Which scope each call needs: the one place where that is said."""

from __future__ import annotations

from flask_openapi3 import OpenAPI
from flask_openapi3.utils import parse_rule

from api.keys import Scope
from shared.errors import Forbidden

#: Any one of these is enough; none is needed where the set is empty, not even a key.
Scopes = frozenset[Scope]

_OPEN: Scopes = frozenset()
_ANY: Scopes = frozenset(Scope)
_SUBMIT: Scopes = frozenset({Scope.SUBMIT})
_READ: Scopes = frozenset({Scope.READ})
_ADMIN: Scopes = frozenset({Scope.ADMIN})
_OBSERVE: Scopes = frozenset({Scope.OBSERVE})

#: Method and route, as the routes are written. A test fails on a route that is missing here.
NEEDS: dict[tuple[str, str], Scopes] = {
    ("POST", "/v1/jobs"): _SUBMIT,
    ("GET", "/v1/jobs"): _READ,
    ("GET", "/v1/jobs/<job_id>"): _READ,
    ("POST", "/v1/jobs/<job_id>/cancel"): _SUBMIT,
    ("POST", "/v1/jobs/<job_id>/pause"): _SUBMIT,
    ("POST", "/v1/jobs/<job_id>/resume"): _SUBMIT,
    ("POST", "/v1/jobs/<job_id>/priority"): _SUBMIT,
    ("POST", "/v1/jobs/<job_id>/retry"): _SUBMIT,
    ("DELETE", "/v1/jobs/<job_id>"): _ADMIN,
    ("GET", "/v1/jobs/<job_id>/items"): _READ,
    ("GET", "/v1/jobs/<job_id>/items/<int:number>"): _READ,
    ("GET", "/v1/jobs/<job_id>/items/<int:number>/result"): _READ,
    ("GET", "/v1/jobs/<job_id>/items/<int:number>/preview"): _READ,
    ("GET", "/v1/jobs/<job_id>/items/<int:number>/uncertainty"): _READ,
    ("GET", "/v1/jobs/<job_id>/items/<int:number>/master"): _READ,
    ("GET", "/v1/jobs/<job_id>/events"): _READ,
    ("GET", "/v1/jobs/<job_id>/states"): _READ,
    ("GET", "/v1/jobs/<job_id>/report"): _READ,
    ("GET", "/v1/jobs/<job_id>/report.jsonl"): _READ,
    ("GET", "/v1/jobs/<job_id>/report.csv"): _READ,
    ("POST", "/v1/uploads"): _SUBMIT,
    ("PUT", "/v1/uploads/<sha256>"): _SUBMIT,
    ("GET", "/v1/uploads/<sha256>"): _SUBMIT,
    ("POST", "/v1/uploads/<sha256>/pieces"): _SUBMIT,
    ("POST", "/v1/uploads/<sha256>/complete"): _SUBMIT,
    ("GET", "/v1/models"): _ANY,
    ("GET", "/v1/queue"): _OBSERVE,
    ("GET", "/metrics"): _OBSERVE,
    # These tell nothing of anybody's work.
    ("GET", "/healthz"): _OPEN,
    ("GET", "/readyz"): _OPEN,
    ("GET", "/"): _OPEN,
    ("GET", "/static/<path:filename>"): _OPEN,
}

#: The OpenAPI document and its page, which their library adds.
_DOCUMENT = "/openapi/"


def needed(method: str, route: str | None) -> Scopes:
    """Returns the scopes of which a call needs one; None for an address that has no route.

    What is not in the table needs `admin`, so that a forgotten route is shut.
    """
    if route is None or method == "OPTIONS":
        return _ANY
    if route.startswith(_DOCUMENT):
        return _OPEN
    return NEEDS.get(("GET" if method == "HEAD" else method, route), _ADMIN)


def check(scopes: Scopes, method: str, route: str | None) -> None:
    """Raises Forbidden, with the scope that is needed, for a call that none of `scopes` allows."""
    wanted = needed(method, route)
    if wanted and not wanted & scopes:
        words = " or ".join(f"`{name}`" for name in sorted(wanted))
        raise Forbidden(
            f"This call needs an API key with the scope {words}; this key has {', '.join(sorted(scopes)) or 'none'}.",
            needs=sorted(wanted),
            seen=sorted(scopes),
        )


def document(app: OpenAPI) -> None:
    """Writes the table into the OpenAPI document: each operation names the scopes, any one of which is enough."""
    for rule in app.url_map.iter_rules():
        path = app.paths.get(parse_rule(rule.rule))
        for method in rule.methods or () if path else ():
            if operation := getattr(path, method.lower(), None):
                operation.security = [{"key": [name]} for name in sorted(needed(method, rule.rule))]
