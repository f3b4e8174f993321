"""Pinning: sources as they are at submission, so that nobody gets another object than was meant."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace

from api.findings import Findings
from shared.errors import PhotochromError, SourceForbidden, SourceMissing, TooLarge
from shared.items import Item, Source
from shared.services import Services
from shared.sources.remembered import recall
from shared.sources.rules import is_allowed, parse_rules


class Pinning:
    """Looks at each source of a submission once."""

    def __init__(self, services: Services, tenant: str, pool: Executor, findings: Findings) -> None:
        """Takes where to look, and where sources go that cannot be fetched."""
        self._services = services
        self._tenant = tenant
        self._pool = pool
        self._findings = findings
        self._rules = parse_rules(services.settings.sources)

    def pin(self, items: Sequence[Item]) -> list[Item]:
        """Returns the items, each source with its ETag and size, and with its master where that is remembered.

        An item that has a master stays as it is. Raises StorageUnavailable where the sources' server does not answer.
        """
        pinned: dict[int, Item] = {}
        wanted = [item for item in items if item.source and item.master is None]
        for item, found in zip(wanted, self._pool.map(self._look, wanted), strict=True):
            if isinstance(found, Item):
                pinned[item.number] = found
            else:
                found.detail = f"{self._findings.place(item.number)}: {found.detail}"
                self._findings.add(item.number, "source", found)
        return [pinned.get(item.number, item) for item in items] if wanted else list(items)

    def _look(self, item: Item) -> Item | PhotochromError:
        """Returns the item as it is to be stored, or what is wrong with its source."""
        assert item.source  # noqa: S101 - others were left out
        sources, settings, asked = self._services.sources, self._services.settings, item.source
        if sources is None or not is_allowed(self._rules, self._tenant, asked.bucket, asked.key):
            return SourceForbidden(
                f"{asked.address} lies where this tenant may not fetch from; PHOTOCHROM_SOURCES says where it may.",
                seen=asked.address,
            )
        found = sources.head(asked.bucket, asked.key)
        if found is None:
            return SourceMissing(f"{asked.address} is not there.", seen=asked.address)
        if found.size > settings.max_bytes:
            return TooLarge(
                f"{asked.address} has {found.size:,} bytes; this server accepts {settings.max_bytes:,}.",
                limit=settings.max_bytes,
                seen=found.size,
            )
        return replace(item, source=found, master=recall(self._services.store, self._tenant, found))


def unpinned(bucket: str, key: str) -> Source:
    """Returns a source that nobody has looked at."""
    return Source(bucket=bucket, key=key, etag="", size=0)
