"""NDJSON submissions: an item a line, streamed; what is wrong is told with its line, and nothing half made stays."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from api.keys import create_key
from api.manifests import MAX_LINE, split
from api.references import References
from api.submission import MOST_SECONDS, Submission, submit
from shared import layout
from shared.deletion import delete
from shared.errors import InvalidRequest, QuotaExceeded, Unavailable
from shared.index.quotas import Limits
from shared.items import Item
from shared.jobs import Priority
from shared.recipes import resolve
from tests.house import House, make_house, picture

DIGEST = hashlib.sha256(picture()).hexdigest()

LINE: dict[str, Any] = {"sha256": DIGEST, "filename": "a.png"}


@pytest.fixture
def stocked(house: House) -> House:
    """A house with one master."""
    house.http().put(f"/v1/uploads/{DIGEST}", data=picture())
    return house


def manifest(*lines: object) -> bytes:
    """A body of lines, which are JSON unless they are bytes."""
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


def post(house: House, body: bytes, **headers: str) -> Any:
    """Submits a manifest."""
    return house.http().post("/v1/jobs", data=body, content_type="application/x-ndjson", headers=headers)


def left(house: House) -> list[str]:
    """What is stored but masters."""
    return [info.key for info in house.store.list("") if "/masters/" not in info.key]


def test_a_manifest_makes_a_job(stocked: House) -> None:
    """The head counts for all items, which are numbered by their lines and stored in parts."""
    head = {"recipe": {"temperature": 0.5}, "priority": "high"}
    answer = post(stocked, manifest(head, *({**LINE, "client_ref": f"r{n}"} for n in range(2_500))))
    assert answer.status_code == 202, answer.json
    job = stocked.services.ledger.read_job("default", answer.json["id"])
    assert job is not None
    assert (job.total, job.recipe.temperature, job.priority) == (2_500, 0.5, Priority.HIGH)
    parts = [stocked.services.ledger.read_part("default", job.id, part) for part in range(3)]
    assert [len(part) for part in parts] == [1_000, 1_000, 500]
    assert [item.number for part in parts for item in part] == list(range(2_500))
    assert parts[2][7] == Item(number=2_007, master=DIGEST, filename="a.png", client_ref="r2007")


def test_head_and_names_may_be_left_out(stocked: House) -> None:
    """Without a head all has its default; an item without a name is untitled; CRLF and no last newline are fine."""
    body = b"\r\n".join(json.dumps({"sha256": DIGEST}).encode() for _ in range(3))
    answer = post(stocked, body)
    assert answer.status_code == 202
    rows = stocked.http().get(f"/v1/jobs/{answer.json['id']}/items").json["items"]
    assert [row["filename"] for row in rows] == ["untitled"] * 3


@pytest.mark.parametrize(
    ("lines", "line", "field", "words"),
    [
        pytest.param([{"recipe": {}}], None, "body", "no items", id="only a head"),
        pytest.param([b"{"], 1, "line", "Line 1: no JSON", id="broken head"),
        pytest.param([{"webhook": 1}, LINE], 1, "webhook", "valid string", id="bad head"),
        pytest.param([{"filename": "a"}, LINE], 1, "filename", "not permitted", id="first line without a master"),
        pytest.param([{"priority": "now"}, LINE], 1, "priority", "'low', 'normal' or 'high'", id="bad priority"),
        pytest.param([b"", LINE], 1, "line", "empty", id="blank first line"),
        pytest.param([LINE, b"", LINE], 2, "line", "empty", id="blank line"),
        pytest.param([LINE, b"{}"], 2, "sha256", "only the first line can be the head", id="no master"),
        pytest.param([LINE, {"priority": "low"}], 2, "sha256", "only the first line", id="head in the middle"),
        pytest.param([{}, LINE, b'{"sha256": "a'], 3, "line", "no JSON: Unterminated string", id="cut line"),
        pytest.param([LINE, b"[1]"], 2, "line", "no JSON object", id="no object"),
        pytest.param([LINE, b"\xff{}"], 2, "line", "UTF-8 at byte 0", id="wrong UTF-8"),
        pytest.param([LINE, b'{"sha256": "x", "sha256": "y"}'], 2, "sha256", "twice", id="a name twice"),
        pytest.param([LINE, LINE | {"sha256": "x"}], 2, "sha256", "pattern", id="no digest"),
        pytest.param([LINE, LINE | {"size": 1}], 2, "size", "not permitted", id="unknown field"),
        pytest.param([LINE, LINE | {"client_ref": "x" * 513}], 2, "client_ref", "512", id="long client_ref"),
        pytest.param([LINE, LINE | {"source": "s3://a-b/c"}], 2, "line", "either", id="two masters"),
        pytest.param([LINE, LINE | {"filename": "x" * MAX_LINE}], 2, "line", "65,536", id="long line"),
        pytest.param([{}, *[LINE] * 9, {"source": "s3://u:p@b-c/d"}], 11, "source", "without user", id="bad source"),
    ],
)
def test_a_bad_manifest_names_the_line(
    stocked: House, lines: list[object], line: int | None, field: str, words: str
) -> None:
    """The problem has line, field and words, and nothing is left."""
    answer = post(stocked, manifest(*lines))
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
    assert (answer.json.get("line"), answer.json["field"]) == (line, field)
    assert words in answer.json["detail"]
    assert left(stocked) == []


def test_a_manifest_without_a_line_is_refused(house: House) -> None:
    """A body in chunks that has nothing in it holds no items."""
    answer = house.http().post(
        "/v1/jobs",
        input_stream=io.BytesIO(),
        content_type="application/x-ndjson",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (answer.status_code, answer.json["field"]) == (422, "body")
    assert "no items" in answer.json["detail"]


def test_all_problems_are_told_at_once(stocked: House) -> None:
    """The first hundred are named, all are counted, and what is not stored is told beside them."""
    bad = [LINE | {"size": n} for n in range(150)]
    unknown = [{"sha256": "0" * 64}] * 2_000
    answer = post(stocked, manifest({}, LINE, *bad, *unknown, b"["))
    assert (answer.status_code, answer.json["code"], answer.json["line"]) == (422, "invalid_request", 3)
    assert (len(answer.json["problems"]), answer.json["count"]) == (100, 151)
    assert answer.json["problems"][1]["line"] == 4
    assert answer.json["problems"][1]["field"] == "size"
    assert (len(answer.json["unknown"]), answer.json["unknown_count"]) == (100, 2_000)
    assert "150 more problems" in answer.json["detail"]
    assert "2,000 items name masters that are not stored" in answer.json["detail"]
    assert left(stocked) == []


def test_unknown_masters_are_named_by_line(stocked: House) -> None:
    """The whole body is read: the first hundred masters that are missing are named, all are counted."""
    lines = [LINE if n % 2 else {"sha256": f"{n:064x}"} for n in range(3_000)]
    answer = post(stocked, manifest({}, *lines))
    assert (answer.status_code, answer.json["code"], answer.json["count"]) == (422, "unknown_masters", 1_500)
    assert [entry["line"] for entry in answer.json["unknown"]] == list(range(2, 202, 2))
    assert answer.json["unknown"][1] == {"line": 4, "number": 2, "sha256": f"{2:064x}"}
    assert "1,500 of 3,000 items" in answer.json["detail"]
    assert left(stocked) == []


def test_too_many_lines_are_refused(stocked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """More items than a job holds are refused with the limit."""
    monkeypatch.setattr("api.manifests.MAX_ITEMS", 1_500)
    answer = post(stocked, manifest(*[LINE] * 1_501))
    assert (answer.status_code, answer.json["code"], answer.json["limit"]) == (413, "too_many_items", 1_500)
    assert left(stocked) == []
    assert post(stocked, manifest(*[LINE] * 1_500)).status_code == 202


class Endless(io.BytesIO):
    """A body that repeats a line for ever, and a server that gives up at some time."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self._line = line
        self._left = 50

    def read(self, size: int | None = -1) -> bytes:
        self._left -= 1
        assert self._left, "it reads on"
        return self._line * 1_000


def test_an_endless_body_has_an_end(stocked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are no items count as well, and so do those of a request that is only repeated."""
    monkeypatch.setattr("api.manifests.MAX_ITEMS", 5_000)
    first = post(stocked, manifest(LINE), **{"Idempotency-Key": "k"})
    assert first.status_code == 202
    for line in (manifest({}), manifest(LINE)):
        answer = stocked.http().post(
            "/v1/jobs",
            input_stream=Endless(line),
            content_type="application/x-ndjson",
            headers={"Transfer-Encoding": "chunked", "Idempotency-Key": "k"},
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert (answer.status_code, answer.json["code"]) == (413, "too_many_items")


def test_a_byte_order_mark_is_called_by_its_name(stocked: House) -> None:
    """Windows writes one ahead of UTF-8: the words say what to do."""
    answer = post(stocked, b"\xef\xbb\xbf" + manifest(LINE))
    assert (answer.status_code, answer.json["field"], answer.json["line"]) == (422, "line", 1)
    assert "byte order mark" in answer.json["detail"]


def test_a_reference_stands_once(stocked: House) -> None:
    """The same client_ref in two parts is found, both lines are named; of many the first hundred, and the count."""
    lines = [LINE | {"client_ref": str(n)} for n in range(2_500)]
    lines[2_400]["client_ref"] = "5"
    answer = post(stocked, manifest(*lines))
    assert (answer.status_code, answer.json["field"], answer.json["line"]) == (422, "client_ref", 2_401)
    assert answer.json["detail"] == "Lines 6 and 2,401 have the same client_ref."
    many = post(stocked, manifest(*(LINE | {"client_ref": str(n % 1_250)} for n in range(2_500))))
    assert (many.json["line"], many.json["count"]) == (1_251, 1_250)
    assert many.json["problems"][0]["detail"] == "Lines 1 and 1,251 have the same client_ref."
    assert left(stocked) == []


def test_a_collision_of_hashes_refuses_nobody(stocked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every hash is equal, different references are accepted still, and equal ones found."""
    monkeypatch.setattr(References, "_is_new", lambda *_: False)
    lines = [LINE | {"client_ref": str(n)} for n in range(2_100)]
    assert post(stocked, manifest(*lines)).status_code == 202
    lines[1_700]["client_ref"] = "3"
    answer = post(stocked, manifest(*lines))
    assert answer.json["problems"] == [
        {
            "line": 1_701,
            "field": "client_ref",
            "code": "invalid_request",
            "detail": "Lines 4 and 1,701 have the same client_ref.",
        }
    ]


def test_the_same_request_has_one_job_however_it_is_sent(stocked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is known writes nothing: the manifest is only read, and answered as the JSON body was."""
    key = {"Idempotency-Key": "k"}
    asked = {"recipe": {"temperature": 0.5}, "priority": "low"}
    first = stocked.http().post("/v1/jobs", json={**asked, "items": [LINE] * 3}, headers=key)
    assert first.status_code == 202

    def writes(*_: object, **__: object) -> bool:
        raise AssertionError("nothing is written")

    monkeypatch.setattr(stocked.store, "put_if_absent", writes)
    again = post(stocked, manifest(asked, *[LINE] * 3), **key)
    assert (again.status_code, again.json["id"]) == (202, first.json["id"])
    for other in ([asked, *[LINE] * 4], [*[LINE] * 3], [asked | {"priority": "high"}, *[LINE] * 3]):
        mismatch = post(stocked, manifest(*other), **key)
        assert (mismatch.status_code, mismatch.json["code"]) == (422, "idempotency_mismatch")
    broken = post(stocked, manifest(asked, *[LINE] * 3, b"{"), **key)
    assert (broken.status_code, broken.json["line"]) == (422, 5)


def test_the_normal_priority_is_as_if_it_were_left_out(stocked: House) -> None:
    """`priority` in a form, a JSON body and a head; normal is no other request than none."""
    key = {"Idempotency-Key": "k"}
    first = post(stocked, manifest({"priority": "normal"}, LINE), **key)
    assert post(stocked, manifest(LINE), **key).json["id"] == first.json["id"]
    form = {"image": (io.BytesIO(picture()), "a.png"), "priority": "low"}
    made = stocked.http().post("/v1/jobs", data=form)
    job = stocked.services.ledger.read_job("default", made.json["id"])
    assert job is not None
    assert job.priority is Priority.LOW
    twice = {"image": (io.BytesIO(picture()), "a.png"), "priority": ["low", "low"]}
    assert stocked.http().post("/v1/jobs", data=twice).json["field"] == "priority"


def test_a_key_whose_job_goes_in_the_middle_is_told_to_come_again(stocked: House) -> None:
    """Where the first job is deleted while the repeat is read, nobody knows any more what was asked: 503."""
    services = stocked.services

    def ask(items: Iterator[Item]) -> Submission:
        return Submission(tenant="default", model="lite", recipe=resolve({}), items=items, key="k")

    job = submit(services, ask(iter([Item(number=0, master=DIGEST, filename="a")])))

    def going() -> Iterator[Item]:
        delete(services.ledger, services.index, "default", job.id)
        yield Item(number=0, master=DIGEST, filename="a")

    with pytest.raises(Unavailable, match="deleted at this moment"):
        submit(services, ask(going()))
    assert submit(services, ask(iter([Item(number=0, master=DIGEST, filename="a")]))).id != job.id


def test_open_items_are_taken_at_the_end(client: redis.Redis) -> None:
    """A manifest beyond the quota leaves nothing, and costs nothing of the quota; nor does one that does not hold."""
    house = make_house(client, quota_open_items=1_500)
    auth = {"Authorization": f"Bearer {create_key(house.store, house.services.clock, tenant='a', name='')}"}
    house.http().put(f"/v1/uploads/{DIGEST}", data=picture(), headers=auth)
    before = [info.key for info in house.store.list("")]
    refused = post(house, manifest(*[LINE] * 1_501), **auth)
    assert (refused.status_code, refused.json["code"], refused.json["seen"]) == (429, "quota_exceeded", 1_501)
    assert post(house, manifest(*[LINE] * 1_500, b"["), **auth).status_code == 422
    assert [info.key for info in house.store.list("")] == before
    assert house.services.index.quotas.spend("a", Limits()).open_items == 0
    assert post(house, manifest(*[LINE] * 1_500), **auth).status_code == 202


def test_what_will_not_fit_is_not_read(client: redis.Redis) -> None:
    """A tenant whose open items leave no room is told so at once, and not when a million lines have come."""
    house = make_house(client, quota_open_items=1_500)
    read = 0

    def items() -> Iterator[Item]:
        nonlocal read
        for number in range(100_000):
            read += 1
            yield Item(number=number, master=DIGEST, filename="a")

    house.store.put_if_absent(layout.master("a", DIGEST), picture())
    limits = Limits.of(house.services.settings)
    asked = Submission(tenant="a", model="lite", recipe=resolve({}), items=items(), limits=limits)
    with pytest.raises(QuotaExceeded):
        submit(house.services, asked)
    assert read == 2_000
    assert left(house) == []


def test_a_submission_has_a_day(stocked: House) -> None:
    """What takes longer would be swept away under its hands: it is refused, and leaves nothing."""

    def items() -> Iterator[Item]:
        for number in range(1_200):
            yield Item(number=number, master=DIGEST, filename="a")
            if number == 1_100:
                stocked.services.clock.sleep(MOST_SECONDS + 1)

    asked = Submission(tenant="default", model="lite", recipe=resolve({}), items=items())
    with pytest.raises(InvalidRequest, match="24 hours"):
        submit(stocked.services, asked)
    assert left(stocked) == []


def test_whatever_reading_raises_leaves_nothing(stocked: House) -> None:
    """Items that end in an error, whatever it is, after parts were stored."""

    def items() -> Iterator[Item]:
        for number in range(1_200):
            yield Item(number=number, master=DIGEST, filename="a")
        assert f"{layout.tenant('default')}jobs/" in "".join(left(stocked))
        raise ZeroDivisionError

    asked = Submission(tenant="default", model="lite", recipe=resolve({}), items=items(), key="k")
    with pytest.raises(ZeroDivisionError):
        submit(stocked.services, asked)
    assert left(stocked) == []


class Dripping(io.RawIOBase):
    """A body that comes in pieces of any size."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def read(self, size: int = -1) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


@given(
    lines=st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"")), max_size=12),
    cuts=st.lists(st.integers(0, 500), max_size=8),
    ends=st.booleans(),
)
def test_lines_are_whole_however_they_come(lines: list[bytes], cuts: list[int], ends: bool) -> None:
    """Wherever the pieces of a body are cut, its lines come out whole; a last newline adds none."""
    body = b"\n".join(lines) + (b"\n" if ends and lines else b"")
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:stop] for start, stop in pairwise(places)]
    expected = body.split(b"\n")
    assert list(split(Dripping(pieces))) == (expected[:-1] if expected[-1] == b"" else expected)


@pytest.mark.parametrize("ends", [b"", b"\n"])
def test_a_line_has_so_many_bytes(ends: bytes) -> None:
    """A line of the limit is taken, one of a byte more is refused by its number, with and without its end."""
    assert list(split(io.BytesIO(b"a\n" + b"b" * MAX_LINE + ends))) == [b"a", b"b" * MAX_LINE]
    with pytest.raises(InvalidRequest) as refused:
        list(split(io.BytesIO(b"a\n" + b"b" * (MAX_LINE + 1) + ends)))
    assert refused.value.extra["line"] == 2
