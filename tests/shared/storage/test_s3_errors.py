"""No error of botocore's gets past the adapter."""

from __future__ import annotations

import inspect

import pytest
import urllib3.exceptions
from botocore import exceptions as theirs

from shared.errors import StorageUnavailable, StorageUnfit
from shared.storage.s3_errors import s3_errors

EVERY = [
    cls
    for cls in vars(theirs).values()
    if inspect.isclass(cls) and issubclass(cls, Exception) and not issubclass(cls, (Warning, theirs.ClientError))
]
#: Words in the names of errors that come from the network: waiting can end those.
NETWORK = ("Timeout", "Connection", "HTTPClient", "SSLError", "Streaming", "IncompleteRead")


@pytest.mark.parametrize(
    "cls", [cls for cls in EVERY if cls.__module__ == theirs.__name__], ids=lambda cls: cls.__name__
)
def test_every_error_is_mapped(cls: type[Exception]) -> None:
    """Each of botocore's exceptions becomes one of ours, and those of the network say that waiting helps."""
    error = cls.__new__(cls)
    with pytest.raises((StorageUnavailable, StorageUnfit)) as caught, s3_errors("The bucket"):
        raise error
    assert caught.value.__cause__ is error
    if any(word in cls.__name__ for word in NETWORK):
        assert isinstance(caught.value, StorageUnavailable)


def test_the_walk_sees_errors() -> None:
    """The walk over botocore finds its exceptions."""
    assert {theirs.ReadTimeoutError, theirs.NoCredentialsError, theirs.ParamValidationError} <= set(EVERY)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NoSuchKey", KeyError),
        (404, "404", KeyError),  # a HEAD has no body
        (404, "NoSuchBucket", StorageUnavailable),  # what somebody sets right while we wait
        (403, "AccessDenied", StorageUnavailable),
        (403, "403", StorageUnavailable),
        (403, "InvalidAccessKeyId", StorageUnavailable),
        (403, "SignatureDoesNotMatch", StorageUnavailable),
        (403, "RequestTimeTooSkewed", StorageUnavailable),
        (301, "PermanentRedirect", StorageUnfit),
        (400, "SomethingNew", StorageUnfit),
        (501, "NotImplemented", StorageUnfit),  # no waiting brings a feature
        (400, "RequestTimeout", StorageUnavailable),
        (400, "BadDigest", StorageUnavailable),  # proved before: damaged on the wire
        (400, "ExpiredToken", StorageUnavailable),  # boto3 fetches new credentials
        (404, "NoSuchUpload", StorageUnavailable),
        (429, "TooMany", StorageUnavailable),
        (500, "InternalError", StorageUnavailable),
        (503, "SlowDown", StorageUnavailable),
    ],
)
def test_what_a_server_answers(status: int, code: str, expected: type[Exception]) -> None:
    """What waiting can end is told apart from what the operator has to change, and from a missing object."""
    error = theirs.ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "GetObject",
    )
    with pytest.raises(expected), s3_errors("The bucket", "t/x"):
        raise error


@pytest.mark.parametrize("error", [urllib3.exceptions.ProtocolError("cut"), ConnectionResetError("reset")])
def test_the_network_below_botocore(error: Exception) -> None:
    """What the libraries below botocore let through is the network's as well."""
    with pytest.raises(StorageUnavailable), s3_errors("The bucket"):
        raise error
