"""Signed links to S3 storage: each is good for one object, one method and some time, by a checker of our own.

The S3 simulator checks no signatures, so the test computes them anew from what a server would see of a request.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

import pytest

from shared.storage.s3 import S3Store

SECRET = "test"
SECONDS = 60


def accepted(method: str, link: str, *, at: datetime | None = None) -> bool:
    """Tells whether a server that knows the secret takes a request (AWS Signature Version 4, query parameters)."""
    parts = urlsplit(link)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    signature = query.pop("X-Amz-Signature", "")
    signed = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    canonical = "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
    request = "\n".join(
        (method, parts.path, canonical, f"host:{parts.netloc}\n", query["X-Amz-SignedHeaders"], "UNSIGNED-PAYLOAD")
    )
    scope = query["X-Amz-Credential"].partition("/")[2]
    text = "\n".join(
        ("AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest())
    ).encode()
    key = f"AWS4{SECRET}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    right = hmac.compare_digest(hmac.digest(key, text, "sha256").hex(), signature)
    return right and signed <= (at or datetime.now(UTC)) <= signed + timedelta(seconds=int(query["X-Amz-Expires"]))


@pytest.fixture
def link(open_s3: Callable[[], S3Store]) -> str:
    """A link to an object, as results are handed out."""
    signed = open_s3().presign_get("t/a/x", seconds=SECONDS, filename="a.jpg", media_type="image/jpeg")
    assert signed is not None
    return signed


def test_the_checker_takes_the_link_as_it_is(link: str) -> None:
    """The link is good for GET now, and until its time is over."""
    assert accepted("GET", link)
    now = datetime.now(UTC)
    assert accepted("GET", link, at=now + timedelta(seconds=SECONDS - 30))
    assert not accepted("GET", link, at=now + timedelta(seconds=SECONDS + 1))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "POST"])
def test_a_link_is_good_for_one_method(link: str, method: str) -> None:
    """What reads an object neither writes nor removes it."""
    assert not accepted(method, link)


@pytest.mark.parametrize(
    "path",
    [
        "/missing/t/b/x",
        "/missing/t/a/y",
        "/missing/t/a/x/",
        "/missing/t/a/",
        "/missing",
        "/other/t/a/x",
    ],
)
def test_a_link_is_good_for_one_object(link: str, path: str) -> None:
    """Another tenant's object, a neighbor, a folder, the bucket, another bucket: none is opened."""
    assert not accepted("GET", urlunsplit(urlsplit(link)._replace(path=path)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("X-Amz-Expires=60", "X-Amz-Expires=604800", id="longer"),
        pytest.param("image%2Fjpeg", "text%2Fhtml", id="another media type"),
        pytest.param("attachment", "inline", id="shown in place"),
        pytest.param("a.jpg", "b.jpg", id="another name"),
        pytest.param("us-east-1", "eu-west-1", id="another region"),
        pytest.param("X-Amz-Signature=", "X-Amz-Signature=0", id="another signature"),
        pytest.param("X-Amz-Signature=", "versionId=1&X-Amz-Signature=", id="another version of the object"),
        pytest.param("//files.example.org", "//evil.example.org", id="another server"),
    ],
)
def test_no_part_of_a_link_can_be_changed(link: str, old: str, new: str) -> None:
    """Time, headers of the answer, place, signature and server are all signed."""
    changed = link.replace(old, new)
    assert changed != link
    assert not accepted("GET", changed)


def test_a_later_date_does_not_renew_a_link(link: str) -> None:
    """The moment of signing is signed, too."""
    date = dict(parse_qsl(urlsplit(link).query))["X-Amz-Date"]
    later = (datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(hours=1)).strftime(
        "%Y%m%dT%H%M%SZ"
    )
    assert not accepted("GET", link.replace(date, later), at=datetime.now(UTC) + timedelta(hours=1))
