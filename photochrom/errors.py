"""What can go wrong for a client.

ClientError
├── ServerUnreachable   nobody answers, or the answer is no Photochrom
├── ProblemError        the server refused: its code, words and extras
├── StorageRefused      the storage refuses what the server signed for it
├── DownloadDamaged     the bytes that came are not those that were promised
├── NoSpace             the disk for the results is full
├── StateDamaged        what earlier runs noted cannot be read or written
├── InUse               another run works in the same folder
├── IntakeInvalid       a manifest or a bag does not hold together, so that nothing of it is sent
└── WebhookNotGenuine   what came to a webhook was not signed by its server, or not now
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ClientError(Exception):
    """Something went wrong between this client and its server."""


class ServerUnreachable(ClientError):
    """Nobody answers at the server's address."""


class StorageRefused(ClientError):
    """The storage refuses what the server signed for it."""


class DownloadDamaged(ClientError):
    """The bytes that came are not those that were promised."""


class NoSpace(ClientError):
    """The disk that the results go to is full."""


class StateDamaged(ClientError):
    """What earlier runs noted in OUT cannot be read or written."""


class InUse(ClientError):
    """Another run works in the same folder."""


class IntakeInvalid(ClientError):
    """A manifest or a bag does not hold together; `problems` are its first faults in words, `count` is how many."""

    def __init__(self, what: str, problems: Sequence[str], count: int | None = None) -> None:
        self.problems = tuple(problems)
        self.count = len(problems) if count is None else count
        more = [f"... and {self.count - len(problems):,} more"] if self.count > len(problems) else []
        super().__init__("\n".join([f"{what}:", *(f"  {each}" for each in [*problems, *more])]))


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
