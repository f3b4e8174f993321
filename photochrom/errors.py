"""What can go wrong for a client.

ClientError
├── ServerUnreachable   nobody answers, or the answer is no Photochrom
├── ProblemError        the server refused: its code, words and extras
├── DownloadDamaged     the bytes that came are not those that were promised
└── WebhookNotGenuine   what came to a webhook was not signed by its server, or not now
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Something went wrong between this client and its server."""


class ServerUnreachable(ClientError):
    """Nobody answers at the server's address."""


class DownloadDamaged(ClientError):
    """The bytes that came are not those that were promised."""


class WebhookNotGenuine(ClientError):
    """What came to a webhook was not signed with this secret, or not within the last five minutes."""


class ProblemError(ClientError):
    """The server refused a call (RFC 9457): `code` is stable, `detail` is for a person, `extra` has limit and value."""

    def __init__(
        self, *, status: int, code: str, detail: str, extra: Mapping[str, Any], retry_after: float | None
    ) -> None:
        super().__init__(f"{detail} [{code}]")
        self.status = status
        self.code = code
        self.detail = detail
        self.extra = dict(extra)
        #: seconds after which the server asked to be called again
        self.retry_after = retry_after
