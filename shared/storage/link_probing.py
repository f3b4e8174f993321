"""The proof that a server holds clients to what is signed, before any link is given away."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from botocore.httpsession import URLLib3Session

from shared.errors import StorageUnavailable
from shared.storage import ObjectStore
from shared.storage.direct import DirectUploads, SignedPut
from shared.storage.s3_errors import s3_errors

_SECONDS = 60
_TIMEOUT = 10
_DATA, _OTHER = b"these bytes", b"other bytes"
_CONDITION = "If-None-Match"
_CHECKSUM = "x-amz-checksum-sha256"


def find_fault(store: ObjectStore, direct: DirectUploads, *, verify: bool | str) -> str:
    """Returns what the server does wrong with signed PUTs, in words that follow its name; empty where nothing.

    `direct` signs for an address that this process reaches. Raises StorageUnavailable where nobody answers there.
    """
    http = URLLib3Session(verify=verify, timeout=_TIMEOUT)  # type: ignore[arg-type]  # a file of authorities as well
    key = f"probe/{secrets.token_hex(16)}"
    link = direct.presign_put(
        key,
        sha256=hashlib.sha256(_DATA).hexdigest(),
        size=len(_DATA),
        seconds=_SECONDS,
        media_type="application/octet-stream",
    )
    tries = (
        ("takes bytes that do not have the signed checksum", (), _OTHER, False),
        ("takes a PUT without the checksum that was signed", (_CHECKSUM,), _DATA, False),
        ("takes a PUT without the condition that was signed", (_CONDITION,), _DATA, False),
        ("refuses a PUT that is as it was signed", (), _DATA, True),
        ("creates an object a second time", (), _DATA, False),
    )
    try:
        for fault, without, data, good in tries:
            headers = {name: value for name, value in link.headers.items() if name not in without}
            if _is_taken(http, link, headers, data) is not good:
                return fault
    finally:
        store.delete(key)
        http.close()
    return ""


def _is_taken(http: URLLib3Session, link: SignedPut, headers: Mapping[str, str], data: bytes) -> bool:
    with s3_errors("The S3 server"):
        fields: Any = HeadersDict(headers)  # as botocore makes it; its stubs name another class
        answer = http.send(AWSPreparedRequest("PUT", link.url, fields, data, stream_output=False))
    status = int(answer.status_code)
    if status >= 500:
        raise StorageUnavailable(f"The S3 server answered {status} to a signed PUT.", reason=str(status))
    return status < 300
