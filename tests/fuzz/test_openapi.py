"""The OpenAPI document turned against the real app: whatever is sent, nothing breaks and every answer has its form.

`make fuzz` asks each operation 1,000 times, `make test` 20 times; half of that fits the document, half does not.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pytest
import redis
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, Response, SerializationContext
from schemathesis.schemas import APIOperation, BaseSchema

from api.app import create_app
from cli.embedded import EmbeddedValkey
from shared.bells import MemoryBells
from shared.clock import ManualClock
from shared.errors import errors
from shared.index import Index
from shared.ledger import Ledger
from shared.registry import shipped
from shared.services import Services
from shared.settings import Settings
from shared.storage.memory import MemoryStore
from tests.fuzz.budget import EXAMPLES, SEED
from tests.house import House, make_house, picture

#: Every code that docs/errors.md knows; werkzeug's own words for what the app has no route for.
CODES = {error.code for error in errors()} | {"method_not_allowed", "bad_request"}

#: How it is drawn; nothing is remembered between runs, and a slow machine is no failure.
_DRAWING = settings(
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    max_examples=-(-EXAMPLES // 2),
    print_blob=True,
)


@schemathesis.serializer("application/x-ndjson")
def lines(_: SerializationContext, value: Any) -> bytes:
    """Writes the entries of a manifest, a line each; what is no list is a body as it is."""
    if isinstance(value, bytes):
        return value
    return b"\n".join(json.dumps(entry).encode() for entry in (value if isinstance(value, list) else [value]))


#: Steps of one walk along links.
_STEPS = 10


@dataclass(kw_only=True)
class Target:
    """An app that has some work, and what is known there."""

    house: House
    schema: BaseSchema
    #: digests of stored masters, and ids of jobs that are in every state
    digests: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    #: answers by operation and status
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def check(self, answer: Response, case: Case) -> None:
        """Raises AssertionError for what no client may ever see."""
        label = case.operation.label
        self.answers[label, answer.status_code] += 1
        told = f"{label} was answered {answer.status_code}: {answer.content[:500]!r}\n{case.as_curl_command()}"
        unready = label == "GET /readyz" and answer.status_code == 503
        assert answer.status_code < 500 or (answer.status_code == 503 and "retry-after" in answer.headers), told
        if answer.status_code >= 400 and not unready:
            assert answer.headers["content-type"] == ["application/problem+json"], told
            problem = answer.json()
            assert problem["code"] in CODES, told
            assert problem["status"] == answer.status_code, told
            assert problem["detail"], told


@pytest.fixture(scope="module")
def target(valkey: EmbeddedValkey) -> Iterator[Target]:
    """A house with a job that has ended, one that is canceled, one that waits, and masters without one."""
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
        house = make_house(client, max_bytes=1 << 20)
        house.announce()
        made = Target(
            house=house, schema=schemathesis.openapi.from_wsgi("/openapi/openapi.json", house.http().application)
        )
        http = house.http()
        for number in range(3):
            form = {"image": [(io.BytesIO(picture(seed=number)), "a.png"), (io.BytesIO(b"none"), "b.png")]}
            made.jobs.append(http.post("/v1/jobs", data=form).json["id"])
            if number == 0:
                house.work()
        http.post(f"/v1/jobs/{made.jobs[1]}/cancel")
        made.digests = [hashlib.sha256(picture(seed=number)).hexdigest() for number in range(3)]
        yield made


def operations() -> list[str]:
    """Each operation of the document; nothing is connected to for it."""
    store = MemoryStore()
    services = Services(
        settings=Settings(),
        registry=shipped(),
        store=store,
        ledger=Ledger(store=store),
        index=Index(redis.Redis()),
        bells=MemoryBells(),
        clock=ManualClock(0),
    )
    document = create_app(services).api_doc
    return [f"{method.upper()} {path}" for path, ways in document["paths"].items() for method in ways]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", operations())
def test_no_request_breaks_the_server(label: str, mode: GenerationMode, target: Target) -> None:
    """A request that fits the document, or does not, is answered without a server error, and refused as a problem."""
    operation = _operation(target.schema, label)

    @seed(SEED)
    @_DRAWING
    @given(case=operation.as_strategy(mode), known=st.data())
    def ask(case: Case, known: st.DataObject) -> None:
        _make_known(case, known, target)
        target.check(case.call(), case)

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, label
        assert not list(operation.iter_parameters()), f"{label} has something that can be wrong"


def test_no_walk_along_links_breaks_the_server(target: Target) -> None:
    """What an answer names (jobs, items, uploads) is asked for next; the server withstands every such walk."""
    machine = target.schema.as_state_machine()

    class Walk(machine):  # type: ignore[misc, valid-type]
        def before_call(self, case: Case) -> None:
            if case.operation.label == "POST /v1/jobs" and isinstance(case.body, dict):
                for item in case.body.get("items", ()):
                    item["sha256"] = target.digests[0]

        def validate_response(self, response: Response, case: Case, *_: Any, **__: Any) -> None:
            target.check(response, case)

        def teardown(self) -> None:
            target.house.work()

    before = target.answers["GET /v1/jobs/{job_id}", 200]
    seed(SEED)(Walk).run(settings=settings(_DRAWING, max_examples=max(10, EXAMPLES // 5), stateful_step_count=_STEPS))
    assert target.answers["GET /v1/jobs/{job_id}", 200] > before


def _operation(schema: BaseSchema, label: str) -> APIOperation:
    method, path = label.split(" ", 1)
    found: APIOperation = schema[path][method]
    return found


def _make_known(case: Case, known: st.DataObject, target: Target) -> None:
    """Half of the time replaces ids and digests, which nobody draws by chance, by those of the target."""
    if not known.draw(st.booleans()):
        return
    place = case.path_parameters or {}
    if "job_id" in place:
        place["job_id"] = known.draw(st.sampled_from(target.jobs))
    if "number" in place:
        place["number"] = known.draw(st.integers(0, 2))
    if "sha256" in place:
        place["sha256"] = known.draw(st.sampled_from(target.digests))
    if isinstance(case.body, list):
        for line in case.body:
            if isinstance(line, dict) and "sha256" in line:
                line["sha256"] = known.draw(st.sampled_from(target.digests))
    if isinstance(case.body, dict):
        lists = [part for part in (case.body.get("items"), case.body.get("files")) if isinstance(part, list)]
        for item in chain.from_iterable(lists):
            if isinstance(item, dict) and "sha256" in item:
                item["sha256"] = known.draw(st.sampled_from(target.digests))
