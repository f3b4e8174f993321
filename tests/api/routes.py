"""Every call that the OpenAPI document names, with something in the place of each parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient

from tests.house import House

#: Queries that lead to other objects of the same address.
_QUERIES = {"candidate": "candidate=1", "of": "of=master", "sort": "sort=uncertainty"}

#: Bodies of calls that read one; the others are sent an empty JSON object.
_BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/v1/uploads"): {"json": {"files": [{"sha256": "0" * 64, "size": 1}]}},
    ("put", "/v1/uploads/{sha256}"): {"data": b"no picture"},
    ("post", "/v1/uploads/{sha256}/pieces"): {"json": {"size": 1}},
    ("post", "/v1/jobs/{job_id}/priority"): {"json": {"priority": "low"}},
    ("post", "/v1/jobs"): {"json": {"items": [{"sha256": "0" * 64, "filename": "a.png"}]}},
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the document."""

    #: lower case
    method: str
    #: as the document has it, with its parameters in braces
    path: str
    #: with values in their place, and a query where there is one
    address: str
    #: what the test client sends beside it
    body: Mapping[str, Any] = field(default_factory=dict)
    #: what the document says of it
    operation: Mapping[str, Any]

    def make(self, http: FlaskClient, headers: Mapping[str, str]) -> Any:
        """Makes the call and reads the answer to its end."""
        return http.open(self.address, method=self.method.upper(), headers=dict(headers), buffered=True, **self.body)


def calls(house: House, values: Mapping[str, object]) -> Iterator[Call]:
    """Yields the calls, each with every query that leads elsewhere; `values` has each parameter's value by its name."""
    for path, operations in house.http().get("/openapi/openapi.json").json["paths"].items():
        for method, operation in operations.items():
            address = re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]), path)
            body = _BODIES.get((method, path), {"json": {}} if method in ("post", "put", "patch") else {})
            known = [entry["name"] for entry in operation.get("parameters", ())]
            for query in ("", *(f"?{_QUERIES[name]}" for name in known if name in _QUERIES)):
                yield Call(method=method, path=path, address=address + query, body=body, operation=operation)
