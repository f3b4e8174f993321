"""Intakes: where the scans of a submission come from: folders and files, bags, or a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from photochrom.bagit.bags import DECLARATION, Bag
from photochrom.files.fixity import cores
from photochrom.scans.filters import Filters
from photochrom.scans.manifests import Manifest
from photochrom.scans.scan import Scan, find

#: Is given path, size, time (ns) and SHA-256 of files that were just read.
Remember = Callable[[Iterable[tuple[str, int, int, str]]], None]

#: Files that are remembered at once.
_PAGE = 1_000

#: Unreadable files that are said one by one.
_SAID = 20


@dataclass(kw_only=True, slots=True)
class Intake:
    """What was handed over. Bags and the manifest have been checked as a whole."""

    paths: Sequence[Path]
    out: Path | None
    filters: Filters
    note: Callable[[str], None]
    manifest: Manifest | None = None
    bags: dict[Path, Bag] = field(default_factory=dict)
    #: what could not be read so far
    unreadable: set[Path] = field(default_factory=set)

    def scans(self, remember: Remember = lambda rows: None) -> Iterator[Scan]:
        """Yields the scans; what a bag's check has read is told to `remember`, so that it is not read again."""
        if self.manifest is not None:
            yield from self.manifest.scans(self.cannot_read, self.filters)
            return
        for path, bag in self.bags.items():
            scans = bag.scans(self.cannot_read, self.filters)
            while page := list(islice(scans, _PAGE)):
                remember([_read(scan) for scan in page])
                yield from page
            self.note(f"The bag {path} is valid.")
        yield from self.find([path for path in self.paths if path not in self.bags])

    def find(self, paths: Iterable[Path]) -> Iterator[Scan]:
        """Yields the scans at and below paths that are no bags."""
        return find(paths, out=self.out, filters=self.filters, unreadable=self.cannot_read)

    def cannot_read(self, path: Path, error: OSError) -> None:
        """Notes what cannot be read, and says the first ones."""
        if path in self.unreadable:  # a folder that is watched is walked again and again
            return
        self.unreadable.add(path)
        if len(self.unreadable) <= _SAID:
            self.note(f"{path} cannot be read: {error.strerror or error}")

    def columns(self) -> Sequence[str]:
        """Returns the manifest's columns that come back in the report."""
        return self.manifest.columns if self.manifest is not None else ()

    def cells(self, name: str) -> Sequence[str]:
        """Returns a scan's cells in these columns."""
        return self.manifest.cells(name) if self.manifest is not None else ()

    def close(self) -> None:
        """Removes temporary databases."""
        for each in (self.manifest, *self.bags.values()):
            if each is not None:
                each.close()


def open_intake(
    paths: Sequence[Path],
    *,
    out: Path | None,
    manifest: Path | None,
    filters: Filters,
    note: Callable[[str], None],
) -> Intake:
    """Checks what was handed over as far as it vouches for itself: a manifest's rows, every byte of a bag.

    Raises ValueError unless there is either a manifest or something else, IntakeInvalid, OSError.
    """
    if bool(paths) == bool(manifest):
        raise ValueError("Name files or folders, or a manifest instead of them.")
    bags = {path: Bag(path, threads=cores()) for path in paths if (path / DECLARATION).is_file()}
    listed = Manifest(manifest) if manifest else None
    if listed is not None and (count := listed.unnamed(out=out.resolve() if out else None)):
        note(f"{count:,} files beside the manifest are named in no row and left out.")
    return Intake(paths=paths, out=out, filters=filters, note=note, manifest=listed, bags=bags)


def _read(scan: Scan) -> tuple[str, int, int, str]:
    found = scan.path.stat()
    return str(scan.path.resolve()), found.st_size, found.st_mtime_ns, scan.digests["sha256"]
