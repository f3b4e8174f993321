"""Coloring files and folders from Python: what `photochrom submit` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photochrom.bulk.intake import open_intake
from photochrom.bulk.outputs import outputs_of
from photochrom.bulk.state import Entry
from photochrom.bulk.submission import Submission
from photochrom.bulk.wishes import Summary, Wishes
from photochrom.client import Client
from photochrom.display.figures import Figures
from photochrom.papers.handover import Handover
from photochrom.scans.filters import EVERYTHING, Filters

#: Seconds between two calls of `on_progress`.
_SECONDS = 0.5

#: Failures that a result names.
_NAMED = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run is; each pair is what was done, and what is to be done as far as is known."""

    #: scans whose bytes were read
    read: tuple[int, int]
    #: bytes that were sent
    uploaded: tuple[int, int]
    #: scans that came to their end
    colored: tuple[int, int]
    #: bytes that were fetched
    downloaded: tuple[int, int]
    #: failures so far
    failed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Colored:
    """One scan that came to its end in this run."""

    #: absolute path of the scan
    path: Path
    #: succeeded, failed or canceled
    state: str
    #: the results, candidates in the order of the recipe
    outputs: tuple[Path, ...]
    #: stable code and words of a failure
    code: str | None
    detail: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of all scans."""

    #: scans by what became of them, and what this run did for it
    summary: Summary
    #: name, code and words of the failures, earlier ones as well, the first 1,000
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    #: files and folders that could not be read, so that nothing is known of what is in them
    unreadable: list[Path] = field(default_factory=list)
    #: papers that were not written, since a file of somebody else is in their place, relative to the results' folder
    foreign: list[str] = field(default_factory=list)


def colorize(
    client: Client,
    paths: Iterable[Path] = (),
    *,
    out: Path,
    manifest: Path | None = None,
    recipe: Mapping[str, Any] | None = None,
    filters: Filters = EVERYTHING,
    priority: str | None = None,
    webhook: str | None = None,
    one_job: bool = False,
    retry_failed: bool = False,
    force: bool = False,
    parallel: int = 4,
    sidecars: bool = True,
    premis: bool = False,
    bag: bool = False,
    bag_info: Mapping[str, str] | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_ended: Callable[[Colored], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Colors files and folders and returns once every result is in `out`, in the same tree, `<stem>_colorized.<ext>`.

    What is handed over are `paths`, perhaps BagIt bags, or instead of them a `manifest`, a CSV. Beside the results come
    `report.csv` and, if they are wished, sidecars and PREMIS documents; `bag` makes `out` a BagIt bag, with the tags
    `bag_info`. docs/collections.md has all of it.

    A call that is interrupted costs nothing: the next one with the same `out` goes on. `on_progress` is called twice a
    second and at the end, `on_ended` for each scan, `on_note` with words for a person; all three by other threads.
    Raises what Client raises, ValueError for wishes that do not go together, IntakeInvalid for a manifest or bag that
    does not hold together, NoSpace where the disk is full, and InUse where another run works in `out`.
    """
    handover = Handover(out=out, bag=bag, info=dict(bag_info or {}), sidecars=sidecars, premis=premis, force=force)
    wishes = Wishes(
        out=handover.results,
        state=handover.state,
        recipe=dict(recipe or {}),
        priority=priority,
        webhook=webhook,
        one_job=one_job,
        retry_failed=retry_failed,
        force=force,
        parallel=parallel,
    )
    display = _Calls(on_progress, on_ended, on_note)
    opened = open_intake(list(paths), out=out, manifest=manifest, filters=filters, note=on_note)
    with (
        closing(opened) as intake,
        Submission(client, display, wishes, brought=handover.brought(client, intake)) as run,
    ):
        handover.begin()
        with display, handover.at_the_end(run, client, intake) as foreign:
            run.add(intake.scans(run.state.remember_digests))
            run.finish()
        summary = run.summary()
        if not summary.queued:
            handover.finish(run.state)
        failures, unreadable = run.failures(_NAMED), sorted(intake.unreadable)
        return Outcome(summary=summary, failures=failures, unreadable=unreadable, foreign=foreign)


class _Calls(Figures):
    """Hands on what a display is told."""

    def __init__(
        self,
        on_progress: Callable[[Progress], None],
        on_ended: Callable[[Colored], None],
        on_note: Callable[[str], None],
    ) -> None:
        super().__init__(_SECONDS)
        self._on_progress = on_progress
        self._on_ended = on_ended
        self._on_note = on_note

    def note(self, text: str) -> None:
        self._on_note(text)

    def ended(self, entry: Entry, out: Path) -> None:
        super().ended(entry, out)
        files = tuple(out / each for each in outputs_of(entry))
        path = Path(entry.path)
        self._on_ended(Colored(path=path, state=entry.state, outputs=files, code=entry.code, detail=entry.detail))

    def show(self) -> None:
        read, uploaded, colored, downloaded = zip(self.done.values(), self.total.values(), strict=True)
        self._on_progress(
            Progress(read=read, uploaded=uploaded, colored=colored, downloaded=downloaded, failed=self.failed)
        )
