"""Bodies that do not hold: each is refused with the place where it is wrong, and leaves nothing half made."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from api.strict_json import MAX_BYTES, read_json
from shared import layout
from shared.errors import InvalidRequest
from tests.house import House, picture

DATA = picture()
DIGEST = hashlib.sha256(DATA).hexdigest()
ITEM = {"sha256": DIGEST, "filename": "a.png"}


def body(*items: dict[str, Any], **fields: Any) -> bytes:
    """A JSON submission."""
    return json.dumps({"items": list(items), **fields}).encode()


#: Text of a good submission, to be damaged.
GOOD = body(ITEM)

#: A manifest of several parts.
NDJSON = (json.dumps(ITEM) + "\n").encode() * 2_500

BODIES = [
    pytest.param(GOOD.replace(b"a.png", b"a\xff.png"), "body", "UTF-8 at byte", id="wrong UTF-8"),
    pytest.param(GOOD.decode().encode("utf-16"), "body", "UTF-8 at byte", id="UTF-16"),
    pytest.param(GOOD[:-5], "body", "line 1 column", id="cut off"),
    pytest.param(GOOD + b"x", "body", "Extra data", id="more than JSON"),
    pytest.param(b"", "body", "", id="nothing"),
    pytest.param(b"null", "body", "valid dictionary", id="null"),
    pytest.param(body(ITEM | {"client_ref": "x" * 10_000_000}), "items.0.client_ref", "512", id="10 MB field"),
    pytest.param(body(ITEM, **{"y" * 10_000_000: 1}), "y" * 64 + "...", "not permitted", id="10 MB name"),
    pytest.param(b" " * MAX_BYTES + GOOD, "body", f"{MAX_BYTES:,}", id="body too large"),
    pytest.param(b'{"items":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body", "nested", id="deep lists"),
    pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "body", "nested", id="deep objects"),
    pytest.param(GOOD[:-1] + b',"items":[]}', "items", "twice", id="a name twice"),
    pytest.param(
        body(ITEM, ITEM, ITEM | {"client_ref": "a"}, ITEM | {"client_ref": "a"}),
        "items.3.client_ref",
        "Items 2 and 3",
        id="a client_ref twice",
    ),
    pytest.param(body(ITEM, recipe={"temperature": float("nan")}), "body", "NaN", id="NaN"),
    pytest.param(body(ITEM, recipe={"chroma_gain": float("-inf")}), "body", "-Infinity", id="Infinity"),
    pytest.param(GOOD[:-1] + b',"recipe":{"temperature":1e999}}', "recipe.temperature", "less than", id="beyond float"),
    pytest.param(GOOD[:-1] + b',"recipe":{"quality":' + b"9" * 5000 + b"}}", "body", "digits", id="5,000 digits"),
    pytest.param(GOOD.replace(b"a.png", rb"a\ud800.png"), "body", "surrogate", id="half a surrogate pair"),
    pytest.param(body(ITEM | {"sha256": DIGEST.upper()}), "items.0.sha256", "pattern", id="digest in capitals"),
]


@pytest.mark.parametrize(("data", "field", "words"), BODIES)
def test_a_bad_submission_names_the_place(house: House, data: bytes, field: str, words: str) -> None:
    """The problem has the field, or the byte or column, and words; no job is made, and the answer is short."""
    house.http().put(f"/v1/uploads/{DIGEST}", data=DATA)
    headers = {"Content-Length": str(len(data))}
    answer = house.http().post("/v1/jobs", data=data, content_type="application/json", headers=headers)
    problem = answer.get_json(force=True)
    if data:
        assert (answer.status_code, problem["code"], problem["field"]) == (422, "invalid_request", field)
        assert words in problem["detail"]
    else:
        assert (answer.status_code, problem["code"]) == (411, "length_required")
    assert len(answer.data) < 10_000
    assert_whole(house, masters=1)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        pytest.param(b'{"files":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body", id="deep"),
        pytest.param(b'{"files":[{"sha256":"\xff","size":1}]}', "body", id="wrong UTF-8"),
        pytest.param(b'{"files":[],"files":[]}', "files", id="a name twice"),
        pytest.param(b'{"files":[{"sha256":"' + b"0" * 64 + b'","size":0}]}', "files.0.size", id="no size"),
        pytest.param(b" " * (MAX_BYTES + 1), "body", id="too large"),
    ],
)
def test_a_bad_question_names_the_place(house: House, data: bytes, field: str) -> None:
    """Asking about uploads is read as strictly."""
    answer = house.http().post("/v1/uploads", data=data, content_type="application/json")
    assert (answer.status_code, answer.json["code"], answer.json["field"]) == (422, "invalid_request", field)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"recipe": "[" * 60_000}, "recipe", id="deep recipe"),
        pytest.param({"recipe": '{"model": "\\ud800"}'}, "recipe", id="half a surrogate pair"),
        pytest.param({"recipe": '{"temperature": NaN}'}, "recipe", id="NaN"),
        pytest.param({"recipe": '{"temperature": 0.5, "temperature": 1}'}, "temperature", id="a name twice"),
        pytest.param({"client_ref": ["a", "a"]}, "items.1.client_ref", id="a client_ref twice"),
        pytest.param({"client_ref": ["x" * 513, "b"]}, "client_ref", id="long client_ref"),
        pytest.param({"y" * 1000: "1"}, "y" * 64 + "...", id="long name"),
    ],
)
def test_a_bad_form_names_the_place(house: House, fields: dict[str, Any], field: str) -> None:
    """A multipart submission is read as strictly; masters that came before what is wrong are whole."""
    images = [(io.BytesIO(picture(seed=seed)), "a.png") for seed in range(2)]
    answer = house.http().post("/v1/jobs", data={"image": images, **fields})
    assert (answer.status_code, answer.json["code"], answer.json["field"]) == (422, "invalid_request", field)
    assert_whole(house)


def test_a_form_has_so_many_images(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """More images than a request holds, or names for more, are refused with the limit; no job is made."""
    monkeypatch.setattr("api.multipart.MAX_IMAGES", 2)
    for count, refs in ((3, []), (1, ["a", "b", "c"])):
        images = [(io.BytesIO(picture(seed=seed)), "a.png") for seed in range(count)]
        answer = house.http().post("/v1/jobs", data={"client_ref": refs, "image": images})
        assert (answer.status_code, answer.json["code"], answer.json["limit"]) == (413, "too_many_items", 2)
    assert_whole(house)


def test_a_body_has_so_many_items(house: House) -> None:
    """More items than a JSON body holds are refused with the limit and the number seen, and with the way out."""
    answer = house.http().post("/v1/jobs", data=body(*[ITEM] * 10_001), content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (413, "too_many_items")
    assert (answer.json["limit"], answer.json["seen"]) == (10_000, 10_001)
    assert "application/x-ndjson" in answer.json["detail"]
    assert_whole(house)


def test_refs_may_be_left_out(house: House) -> None:
    """Items without a client_ref, or with different ones, are accepted."""
    house.http().put(f"/v1/uploads/{DIGEST}", data=DATA)
    some = body(ITEM, ITEM, ITEM | {"client_ref": "a"}, ITEM | {"client_ref": "b"}, ITEM | {"client_ref": None})
    assert house.http().post("/v1/jobs", data=some, content_type="application/json").status_code == 202


def test_whole_pairs_are_text() -> None:
    """A whole surrogate pair is a character, escaped or not."""
    assert read_json(rb'{"a": "\ud83d\uddbc"}') == read_json('{"a": "🖼"}') == {"a": "🖼"}
    with pytest.raises(InvalidRequest):
        read_json(rb'"\uddbc\ud83d"')


@pytest.fixture
def address(house: House) -> Iterator[tuple[str, int]]:
    """Where a real server answers."""
    server = make_server("127.0.0.1", 0, house.http().application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield "127.0.0.1", server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def _form() -> bytes:
    parts = b"".join(
        b'--cut\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        + picture(seed=seed)
        + b"\r\n"
        for seed in range(3)
    )
    return parts + b"--cut--\r\n"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.parametrize(
    ("line", "kind", "data"),
    [
        pytest.param("POST /v1/jobs", "application/json", GOOD, id="JSON"),
        pytest.param("POST /v1/jobs", "application/x-ndjson", NDJSON, id="NDJSON"),
        pytest.param("POST /v1/jobs", "multipart/form-data; boundary=cut", _form(), id="multipart"),
        pytest.param(f"PUT /v1/uploads/{DIGEST}", "application/octet-stream", DATA, id="upload"),
        pytest.param("POST /v1/uploads", "application/json", b'{"files":[]}', id="question"),
    ],
)
def test_a_connection_cut_half_way_leaves_nothing(
    house: House, address: tuple[str, int], line: str, kind: str, data: bytes, share: float
) -> None:
    """What ends before its length makes no job and keeps no part of a file, and the server goes on."""
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(head.encode() + data[: int(len(data) * share)])
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert b" 202 " not in answer.split(b"\r\n")[0]
    assert b" 201 " not in answer.split(b"\r\n")[0]
    assert b" 500 " not in answer.split(b"\r\n")[0]
    assert house.http().get("/healthz").status_code == 200
    assert_whole(house)


def test_a_form_that_breaks_off_leaves_no_file_open(house: House) -> None:
    """The temporary file of a picture that was not sent to its end is closed at once."""
    cut = _form()[:-200]
    before = len(list(Path("/proc/self/fd").iterdir()))
    gc.disable()
    try:
        answer = house.http().post("/v1/jobs", data=cut, content_type="multipart/form-data; boundary=cut")
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    finally:
        gc.enable()


def assert_whole(house: House, *, masters: int | None = None) -> None:
    """Asserts that storage holds no job nor part of one, and only masters whose bytes have their digests."""
    found = [info.key for info in house.store.list("")]
    kept = [key for key in found if key.startswith(layout.tenant("default") + "masters/")]
    assert found == kept
    assert masters is None or len(kept) == masters
    for key in kept:
        with house.store.get(key) as stream:
            assert hashlib.sha256(stream.read()).hexdigest() == key.rsplit("/", 1)[1]
