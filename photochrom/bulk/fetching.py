"""Fetching: brings an item that has ended to its end here, whole and proved."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from photochrom.bulk.collection import Collection
from photochrom.bulk.display import Display
from photochrom.bulk.outputs import outputs
from photochrom.bulk.state import Entry, State
from photochrom.client import Client
from photochrom.errors import DownloadDamaged, ProblemError
from photochrom.files.fixity import file_digest
from photochrom.files.folders import make_folder
from photochrom.scans.scan import EXTENSIONS
from photochrom.wire.records import Item

#: What is wrong with one result, and not with the server.
_OF_THE_RESULT = (410, 500)


class _MasterThere(FileExistsError):
    """A scan lies where a result would."""


class Fetching:
    """Writes results into OUT. Several threads may call."""

    def __init__(
        self,
        client: Client,
        state: State,
        collection: Collection,
        display: Display,
        *,
        out: Path | None,
        recipe: Mapping[str, Any],
        force: bool,
    ) -> None:
        """Without `out` results are left at the server."""
        self._client = client
        self._state = state
        self._collection = collection
        self._display = display
        self._out = out
        self._recipe = recipe
        self._force = force
        self._lock = threading.Lock()
        self._staging = state.folder / "unfinished"
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir()
        self.downloaded = 0

    def fetch(self, job: str, entry: Entry, item: Item) -> None:
        """Brings one item to its end: writes its pictures, or notes why there are none."""
        if item.state != "succeeded" or item.derivative is None:
            self.end(replace(entry, state=item.state, code=item.code, detail=item.detail))
            return
        done = replace(entry, state="succeeded", derivative=item.derivative["sha256"])
        target = self._collection.target(entry.path)
        if self._out is None or target is None:
            self.end(done)
            return
        output = f"{target}.{EXTENSIONS.get(item.derivative['media_type'], 'bin')}"
        made = [candidate["derivative"] for candidate in item.candidates] or [item.derivative]
        try:
            for candidate, (name, derivative) in enumerate(zip(outputs(output, self._recipe), made, strict=False)):
                self._write(job, item.number, candidate, derivative, name)
        except DownloadDamaged as error:
            self.end(replace(done, state="failed", code="download_damaged", detail=str(error)))
            return
        except FileExistsError as error:
            code = "output_is_master" if isinstance(error, _MasterThere) else "output_exists"
            self.end(replace(done, state="failed", code=code, detail=str(error)))
            return
        except ProblemError as error:
            if error.status not in _OF_THE_RESULT:
                raise
            self.end(replace(done, state="failed", code=error.code, detail=error.detail))
            return
        self.end(replace(done, output=output))

    def end(self, entry: Entry) -> None:
        """Notes that a scan has come to its end."""
        self._state.save(entry)
        self._display.ended(entry, self._out or Path())

    def _write(self, job: str, number: int, candidate: int, derivative: Mapping[str, Any], output: str) -> None:
        path, sha256, size = (self._out or Path()) / output, derivative["sha256"], derivative["size"]
        if path.exists():
            if path.stat().st_size == size and file_digest(path) == sha256:
                self._state.claim_output(output, sha256)
                return
            ours = self._state.ours(output)
            if self._collection.holds(path.resolve(), earlier=not ours):
                raise _MasterThere(f"{path} is one of the scans, and no scan is ever replaced; name another OUT.")
            if not self._force and not ours:
                raise FileExistsError(f"{path} is there and was not written by this command; --force replaces it.")
        self._display.expect("download", size)
        make_folder(path.parent)
        self._state.claim_output(output, sha256)
        self._client.download(
            *(job, number, path),
            sha256=sha256,
            candidate=candidate,
            staging=self._staging,
            progress=lambda count: self._display.advance("download", count),
        )
        with self._lock:
            self.downloaded += 1
