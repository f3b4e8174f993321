"""Addresses of sources, and who may name which."""

from __future__ import annotations

import pytest

from shared.errors import InvalidSetting
from shared.settings import Settings, environment, load
from shared.sources.opening import open_sources
from shared.sources.rules import is_allowed, parse_rules, parse_source

RULES = parse_rules("default=s3://archive/scans/,museum=s3://museum/in/,museum=s3://loans/")


@pytest.mark.parametrize(
    ("address", "bucket", "key"),
    [
        pytest.param("s3://archive/a.tif", "archive", "a.tif", id="plain"),
        pytest.param("s3://archive/box 1/ü/b.tif", "archive", "box 1/ü/b.tif", id="blanks and umlauts"),
        pytest.param("s3://archive/a%2Fb+c.tif", "archive", "a%2Fb+c.tif", id="no decoding"),
        pytest.param("s3://archive/..a/b..", "archive", "..a/b..", id="dots in names"),
        pytest.param("s3://archive/" + "x" * 1024, "archive", "x" * 1024, id="long key"),
    ],
)
def test_an_address_is_taken_literally(address: str, bucket: str, key: str) -> None:
    """Bucket and key are what stands there."""
    assert parse_source(address) == (bucket, key)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("", id="nothing"),
        pytest.param("a.tif", id="no address"),
        pytest.param("https://archive/a.tif", id="another scheme"),
        pytest.param("S3://archive/a.tif", id="scheme in capitals"),
        pytest.param("s3:/archive/a.tif", id="one slash"),
        pytest.param("s3:///a.tif", id="no bucket"),
        pytest.param("s3://archive", id="no key"),
        pytest.param("s3://archive/", id="empty key"),
        pytest.param("s3://archive/folder/", id="folder"),
        pytest.param("s3://Archive/a.tif", id="bucket in capitals"),
        pytest.param("s3://user@archive/a.tif", id="user"),
        pytest.param("s3://user:secret@archive/a.tif", id="user and password"),
        pytest.param("s3://archive:9000/a.tif", id="port"),
        pytest.param("s3://arn:aws:s3:::archive/a.tif", id="ARN"),
        pytest.param("s3://archive\\evil/a.tif", id="backslash in the bucket"),
        pytest.param("s3://archive//a.tif", id="empty segment"),
        pytest.param("s3://archive/a//b.tif", id="empty segment within"),
        pytest.param("s3://archive/./a.tif", id="dot"),
        pytest.param("s3://archive/scans/../private/a.tif", id="way out"),
        pytest.param("s3://archive/..", id="way out of the bucket"),
        pytest.param("s3://archive/a.tif?versionId=1", id="query"),
        pytest.param("s3://archive/a.tif#page=1", id="fragment"),
        pytest.param("s3://archive/a\n.tif", id="newline"),
        pytest.param("s3://archive/a\0.tif", id="null"),
        pytest.param("s3://archive/a\x85.tif", id="C1 control"),
        pytest.param("s3://archive/a\ud800.tif", id="half a surrogate pair"),
        pytest.param("s3://archive/" + "x" * 1025, id="key too long"),
        pytest.param("s3://archive/" + "ü" * 513, id="key of too many bytes"),
        pytest.param(" s3://archive/a.tif", id="blank before"),
    ],
)
def test_what_could_be_read_in_two_ways_is_no_address(address: str) -> None:
    """Anything but bucket and key, and keys that clients or servers rewrite, are refused."""
    with pytest.raises(ValueError, match="source"):
        parse_source(address)


@pytest.mark.parametrize(
    ("tenant", "address", "allowed"),
    [
        pytest.param("default", "s3://archive/scans/a.tif", True, id="within"),
        pytest.param("default", "s3://archive/scans/b/a.tif", True, id="deeper"),
        pytest.param("default", "s3://archive/scans", False, id="the prefix as an object"),
        pytest.param("default", "s3://archive/scans-private/a.tif", False, id="longer name"),
        pytest.param("default", "s3://archive/a.tif", False, id="beside"),
        pytest.param("default", "s3://archive-evil/scans/a.tif", False, id="longer bucket"),
        pytest.param("default", "s3://museum/in/a.tif", False, id="another tenant's"),
        pytest.param("default", "s3://archive/%73cans/a.tif", False, id="escaped"),
        pytest.param("default", "s3://archive/Scans/a.tif", False, id="capitals"),
        pytest.param("museum", "s3://museum/in/a.tif", True, id="first rule"),
        pytest.param("museum", "s3://loans/x/a.tif", True, id="second rule, a whole bucket"),
        pytest.param("nobody", "s3://archive/scans/a.tif", False, id="tenant without rules"),
    ],
)
def test_a_tenant_names_what_its_rules_cover(tenant: str, address: str, allowed: bool) -> None:
    """Buckets are compared as a whole, keys by segments."""
    assert is_allowed(RULES, tenant, *parse_source(address)) is allowed


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("s3://archive/scans/", id="no tenant"),
        pytest.param("default=s3://archive/scans", id="no slash at the end"),
        pytest.param("default=s3://archive", id="no slash after the bucket"),
        pytest.param("default=archive/scans/", id="no scheme"),
        pytest.param("default=s3://archive//", id="empty segment"),
        pytest.param("default=s3://archive/../x/", id="way out"),
        pytest.param("Default=s3://archive/scans/", id="no tenant's name"),
        pytest.param("default=s3://archive/scans/;museum=s3://in/", id="another comma"),
    ],
)
def test_a_bad_rule_ends_the_start(text: str) -> None:
    """The message has the variable, the form and an example."""
    with pytest.raises(InvalidSetting, match=r"PHOTOCHROM_SOURCES.*default=s3://archive/scans/,museum=s3://museum/in/"):
        load({"PHOTOCHROM_SOURCES": text})


def test_children_have_the_same_rules() -> None:
    """What a parent hands down is read alike."""
    settings = load({"PHOTOCHROM_SOURCES": "default=s3://archive/scans/, default=s3://b-c/"})
    assert load(environment(settings)) == settings


def test_sources_need_a_server_and_not_the_storages_bucket() -> None:
    """No rules, no sources; a folder needs an endpoint; the bucket of all tenants' masters is no source."""
    assert open_sources(Settings()) is None
    rules = "default=s3://archive/scans/"
    with pytest.raises(InvalidSetting, match="PHOTOCHROM_S3_ENDPOINT_URL"):
        open_sources(Settings(storage_url="/srv/photochrom", sources=rules))
    assert open_sources(Settings(storage_url="/srv/p", s3_endpoint_url="http://127.0.0.1:1", sources=rules))
    assert open_sources(Settings(storage_url="s3://photochrom", sources=rules))
    with pytest.raises(InvalidSetting, match="bucket of the storage, archive"):
        open_sources(Settings(storage_url="s3://archive", sources=rules))
