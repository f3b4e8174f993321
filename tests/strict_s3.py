"""An S3 simulator that takes signatures, signed headers and checksums seriously, as the one behind it does not.

A request that is signed in its query (AWS Signature Version 4) must be exactly what was signed; bytes must have the
checksum that comes with them. What is signed in a header is let through: that is the API itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from shared.storage.s3 import S3Store
from shared.storage.s3_opening import s3_store

SECRET = "test"

#: S3 takes no smaller piece, except for the last.
PIECE = 5 << 20


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A request that came by a signed link."""

    method: str
    #: key, without the bucket
    key: str
    #: of a piece
    number: int | None
    status: int


@dataclass(kw_only=True)
class StrictS3:
    """The server: how to reach it, what came by signed links, and how to bend it."""

    url: str = ""
    seen: list[Signed] = field(default_factory=list)
    #: called ahead of every signed request; what it returns is the answer
    before: Callable[[Signed], int | None] = lambda _: None
    #: called with what each signed request brought (WSGI)
    look: Callable[[Mapping[str, Any]], None] = lambda _: None
    #: names of what it does not look at: "signature", "checksum"
    blind: set[str] = field(default_factory=set)
    _opened: S3Store | None = None

    def open(self, *, public: bool = True, **options: Any) -> S3Store:
        """Returns a store in a new bucket; pieces of 5 MiB from 5 MiB on."""
        opened = self._opened = self._opened or s3_store(
            bucket="none", endpoint_url=self.url, region="us-east-1", path_style=True, public_url=self.url
        )
        bucket = f"strict-{secrets.token_hex(8)}"
        opened.client.create_bucket(Bucket=bucket)
        sizes = {"multipart_bytes": PIECE, "piece_bytes": PIECE} | options
        return S3Store(opened.client, bucket, public_client=opened.public_client if public else None, **sizes)

    def taken(self, key: str) -> list[int | None]:
        """Returns the numbers of the pieces of an object that were taken, None for a whole one, in their order."""
        return [signed.number for signed in self.seen if signed.key == key and signed.status < 300]


@contextmanager
def strict_s3() -> Iterator[StrictS3]:
    """A running server on a port of this machine, with the keys that it wants in the environment."""
    server = StrictS3()
    simulator, creating = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def behind(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_IF_NONE_MATCH" not in environ:
            return simulator(environ, start)
        with creating:  # the simulator looks, then creates: of two that race both can
            return simulator(environ, start)

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        if "X-Amz-Signature" not in query:
            return behind(environ, start)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        number = int(query["partNumber"]) if "partNumber" in query else None
        key = environ["PATH_INFO"].split("/", 2)[2]
        signed = Signed(method=environ["REQUEST_METHOD"], key=key, number=number, status=0)

        def note(status: str, headers: list[Any], *rest: Any) -> Any:
            server.seen.append(Signed(method=signed.method, key=key, number=number, status=int(status[:3])))
            return start(status, headers, *rest)

        server.look(environ)
        told = server.before(signed)
        code = "ServiceUnavailable" if told else _fault(server, environ, query, body)
        if code:
            text = f"<Error><Code>{code}</Code></Error>".encode()
            status = f"{told or (403 if code == 'SignatureDoesNotMatch' else 400)} No"
            note(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))])
            return [text]
        environ["wsgi.input"] = io.BytesIO(body)
        return behind(environ, note)

    class Silent(WSGIRequestHandler):
        def log(self, *_: object) -> None:
            """Says nothing."""

    running = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    server.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", SECRET)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        try:
            yield server
        finally:
            running.shutdown()
            thread.join()
            running.server_close()


def _fault(server: StrictS3, environ: Mapping[str, Any], query: dict[str, str], body: bytes) -> str:
    """Returns the code of what is wrong with a signed request; empty where nothing is."""
    if "signature" not in server.blind and not _genuine(environ, dict(query)):
        return "SignatureDoesNotMatch"
    sums = (("HTTP_X_AMZ_CHECKSUM_SHA256", "sha256"), ("HTTP_CONTENT_MD5", "md5"))
    for name, kind in sums:
        said = environ.get(name)
        if "checksum" not in server.blind and said:
            seen = hashlib.new(kind, body, usedforsecurity=False).digest()
            if base64.b64encode(seen).decode() != said:
                return "BadDigest"
    return ""


def _genuine(environ: Mapping[str, Any], query: dict[str, str]) -> bool:
    """Tells whether a request is what was signed, and in time."""
    signature = query.pop("X-Amz-Signature")
    names = query["X-Amz-SignedHeaders"].split(";")
    came = {
        "content-length": environ.get("CONTENT_LENGTH", ""),
        "content-type": environ.get("CONTENT_TYPE", ""),
    } | {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    if any(name.startswith("x-amz-") and name not in names for name in came):
        return False
    lines = "".join(f"{name}:{came.get(name, '').strip()}\n" for name in names)
    canonical = "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
    request = "\n".join(
        (
            environ["REQUEST_METHOD"],
            quote(environ["PATH_INFO"], safe="/-_.~"),
            canonical,
            lines,
            ";".join(names),
            "UNSIGNED-PAYLOAD",
        )
    )
    scope = query["X-Amz-Credential"].partition("/")[2]
    moment = query["X-Amz-Date"]
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{SECRET}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    begun = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    in_time = datetime.now(UTC) <= begun + timedelta(seconds=int(query["X-Amz-Expires"]))
    return in_time and hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature)
