"""Presence: whether the masters that a submission names are stored, and stay, a part at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor

from api.findings import Findings
from shared import layout
from shared.condemned import condemned
from shared.errors import MastersCondemned
from shared.items import Item
from shared.services import Services

#: Digests that were found and are not looked for again: so many, or twice as many.
_REMEMBERED = 50_000


class Presence:
    """Looks each master up once, as far as it remembers."""

    def __init__(self, services: Services, tenant: str, pool: Executor, findings: Findings) -> None:
        """Takes where to look, and where masters go that are not there."""
        self._services = services
        self._tenant = tenant
        self._pool = pool
        self._findings = findings
        self._found: set[bytes] = set()
        self._found_before: set[bytes] = set()

    def check(self, items: Sequence[Item]) -> None:
        """Looks for the masters of items whose part is stored: from then on a prune sees that they are named.

        What was found for an earlier part is named by that part. The master of a source may be missing, since it can be
        fetched again, but not about to go. Raises MastersCondemned while a prune is about to remove some of them.
        """
        fresh = {item.master for item in items if item.master and not self._knows(item.master)}
        if not fresh:
            return
        services = self._services
        if not condemned(services.store, services.clock, self._tenant).isdisjoint(fresh):
            raise MastersCondemned("A prune is removing some of these masters at this moment: submit again.")
        digests = sorted({item.master for item in items if item.master in fresh and not item.source})
        infos = self._pool.map(lambda digest: services.store.head(layout.master(self._tenant, digest)), digests)
        unknown = {digest for digest, info in zip(digests, infos, strict=True) if info is None}
        self._remember(digest for digest in digests if digest not in unknown)
        for item in items:
            if item.master in unknown and not item.source:
                self._findings.add_unknown(item.number, item.master)

    def _knows(self, master: str) -> bool:
        digest = bytes.fromhex(master)
        return digest in self._found or digest in self._found_before

    def _remember(self, masters: Iterable[str]) -> None:
        if len(self._found) >= _REMEMBERED:
            self._found_before, self._found = self._found, set()
        self._found.update(map(bytes.fromhex, masters))
