"""References: whether two items of a submission have the same `client_ref`, in 64 bits an item."""

from __future__ import annotations

import hashlib
import secrets
from array import array
from collections.abc import Callable, Iterator

from api.findings import NAMED, Findings
from shared.errors import InvalidRequest
from shared.items import Item

#: Buckets of hashes: some 15 of a million in each, which are compared one by one.
_BUCKETS = 1 << 16


class References:
    """The references of a submission. Equal hashes are a suspicion only; what is stored tells."""

    def __init__(self, findings: Findings, stored: Callable[[], Iterator[Item]]) -> None:
        """Takes where problems go; `stored` reads all items again that are stored so far."""
        self._findings = findings
        self._stored = stored
        # Secret, so that nobody can choose references whose hashes are equal.
        self._key = secrets.token_bytes(16)
        self._buckets: dict[int, array[int]] = {}
        self._suspects: list[tuple[int, str]] = []
        self._confirmed = False

    def add(self, item: Item) -> None:
        """Takes the next item."""
        if item.client_ref is None or self._is_new(item.client_ref):
            return
        if self._confirmed:  # the submission is refused anyway
            self._findings.add_more(1)
        else:
            self._suspects.append((item.number, item.client_ref))

    def confirm(self, *, last: bool) -> None:
        """Looks again at what is stored, all that was added: at the end, or once there is much to tell."""
        if not self._suspects or (len(self._suspects) < NAMED and not last):
            return
        suspects, self._suspects = self._suspects, []
        first = dict.fromkeys((ref for _, ref in suspects), -1)
        for item in self._stored():
            if item.client_ref is not None and first.get(item.client_ref, 0) < 0:
                first[item.client_ref] = item.number
        for number, ref in suspects:
            if (other := first[ref]) != number:
                self._confirmed = True
                words = f"{self._findings.places(other, number)} have the same client_ref."
                self._findings.add(number, "client_ref", InvalidRequest(words, seen=[other, number]))

    def _is_new(self, ref: str) -> bool:
        digest = hashlib.blake2b(ref.encode(), digest_size=8, key=self._key).digest()
        value = int.from_bytes(digest, "little")
        bucket = self._buckets.get(value % _BUCKETS)
        if bucket is None:
            self._buckets[value % _BUCKETS] = array("Q", digest)
            return True
        if value in bucket:
            return False
        bucket.append(value)
        return True
