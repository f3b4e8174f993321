"""The one place where botocore's errors become ours, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import urllib3.exceptions
from botocore import exceptions as theirs

from shared.errors import StorageUnavailable, StorageUnfit

#: botocore's errors that waiting can end: the network, the server, the service that hands out credentials. Every other
#: one means that the set-up is wrong.
WAITING: tuple[type[Exception], ...] = (
    theirs.HTTPClientError,
    theirs.ConnectionError,
    theirs.IncompleteReadError,
    theirs.ChecksumError,
    theirs.FlexibleChecksumError,
    theirs.CredentialRetrievalError,
    theirs.MetadataRetrievalError,
    theirs.TokenRetrievalError,
)

_AWAY: tuple[type[Exception], ...] = (*WAITING, urllib3.exceptions.HTTPError, OSError)
_WRONG: tuple[type[Exception], ...] = (theirs.BotoCoreError, theirs.UndefinedModelAttributeError)

#: Errors of the server that waiting can end although their status says 4xx. Rights, keys, buckets and clocks are set
#: right without a start of ours: who waits goes on by itself, and no item pays for it.
_PASSING = frozenset(
    {
        "403",  # a HEAD has no body that tells more
        "AccessDenied",
        "AllAccessDisabled",
        "BadDigest",
        "ConditionalRequestConflict",
        "ExpiredToken",
        "IncompleteBody",
        "InvalidAccessKeyId",
        "NoSuchBucket",
        "NoSuchUpload",
        "OperationAborted",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "SignatureDoesNotMatch",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
    }
)

_WORDS = {
    "403": "The server refuses it: check the credentials, what they may do, and that this machine's clock is right.",
    "AccessDenied": "The credentials may not do that: allow them to get, put, delete and list in this bucket.",
    "AllAccessDisabled": "The bucket is closed: ask the provider.",
    "ExpiredToken": "The credentials have expired and no new ones came.",
    "InvalidAccessKeyId": "The server does not know this access key: check AWS_ACCESS_KEY_ID.",
    "NoSuchBucket": "There is no such bucket: make it, or correct PHOTOCHROM_STORAGE_URL.",
    "NotImplemented": "The server does not implement what Photochrom needs.",
    "PermanentRedirect": "The bucket is in another region: set PHOTOCHROM_S3_REGION.",
    "AuthorizationHeaderMalformed": "The bucket is in another region: set PHOTOCHROM_S3_REGION.",
    "RequestTimeTooSkewed": "This machine's clock and the server's differ: set them right.",
    "SignatureDoesNotMatch": "The server does not accept the signature: check AWS_SECRET_ACCESS_KEY.",
}


def code_of(error: theirs.ClientError) -> str:
    """Returns the server's code, such as NoSuchKey; the status where an answer has no body, such as 404."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: theirs.ClientError) -> int:
    """Returns the HTTP status of the server's answer; 0 if unknown."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def s3_errors(where: str, key: str = "") -> Iterator[None]:
    """Turns what botocore raises into StorageUnavailable, StorageUnfit or, for a missing object, KeyError.

    `where` names the storage for the operator.
    """
    try:
        yield
    except theirs.ClientError as error:
        _answered(error, where, key)
    except _AWAY as error:
        raise StorageUnavailable(f"{where} does not answer: {error}", reason=type(error).__name__) from error
    except _WRONG as error:
        raise StorageUnfit(f"{where} cannot be used: {error}", reason=type(error).__name__) from error


def _answered(error: theirs.ClientError, where: str, key: str) -> NoReturn:
    code, status = code_of(error), status_of(error)
    if code == "NoSuchKey" or (code == "404" and key):
        raise KeyError(key) from error
    words = _WORDS.get(code, str(error))
    if code in _PASSING or (code != "NotImplemented" and (status >= 500 or status == 429)):
        raise StorageUnavailable(f"{where} answered {code or status}: {words}", reason=code) from error
    raise StorageUnfit(f"{where} answered {code or status}: {words}", reason=code) from error
