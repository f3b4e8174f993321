"""The pipeline: from a master's bytes to a derivative's. It knows no storage, no job, no network and no net."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import IO

from models.render import DeltaL
from models.spaces import Samples
from worker import provenance
from worker.orders import Colorist, Derivative, Order
from worker.painting import Painting, Study
from worker.pictures import Dressing
from worker.preflight import Admitted, preflight
from worker.readers import open_master
from worker.stopwatch import Stopwatch
from worker.writers import writer_of


def derive(
    source: IO[bytes], target: IO[bytes], order: Order, *, colorist: Colorist, admit: Callable[[int], None]
) -> Derivative:
    """Makes the derivative of a master: reads `source` from its start, writes to `target`, which is empty.

    Both are seekable. `colorist` stands for the net; `admit` hears the number of pixels once the headers hold up.
    Raises what `preflight` raises; Truncated or Corrupt for damaged pixels; AlreadyColor where the recipe skips such
    masters; and what `colorist` raises.
    """
    clock = Stopwatch()
    with clock.stage("decode"):
        admitted = preflight(source, order.recipe, order.limits)
    admit(admitted.pixels)
    session = _Session(order, admitted, colorist, clock)
    with clock.stage("encode"):
        told = writer_of(session.first.plan.format).write(target, session.pages())
        target.flush()
    encoded = None
    if order.verify and session.first.plan.lossy:
        with clock.stage("verify"):
            encoded = session.verify(target)
    first = session.studies[0]
    return Derivative(
        format=session.first.plan.format,
        width=session.first.header.width,
        height=session.first.header.height,
        pages=len(admitted.pages),
        delta_l=max(session.deltas, key=lambda delta: delta.maximum),
        encoded_delta_l=encoded,
        tone=first.tone.value,
        warnings=session.warnings(told),
        timings=clock.seconds(),
        master_preview=first.preview,
        preview=session.preview,
    )


class _Session:
    """One derivative in the making."""

    def __init__(self, order: Order, admitted: Admitted, colorist: Colorist, clock: Stopwatch) -> None:
        self.order = order
        self.admitted = admitted
        self.colorist = colorist
        self.clock = clock
        self.studies: list[Study] = []
        self.deltas: list[DeltaL] = []
        self.preview: bytes | None = None
        self.told: list[str] = []
        #: kept whole until the lossy file is verified
        self.first = Painting(admitted.pages[0], admitted.plans[0], order, clock=clock)

    def pages(self) -> Iterator[tuple[Dressing, Iterator[Samples]]]:
        """Yields what the writer needs, a page at a time; the next begins when the last is written."""
        painting = self.first
        for number, (page, plan) in enumerate(zip(self.admitted.pages, self.admitted.plans, strict=True)):
            if number:
                painting = Painting(page, plan, self.order, clock=self.clock)
            self.studies.append(painting.study(self.colorist))
            yield self._dressing(painting), painting.strips()
            self.deltas.append(painting.delta_l())
            if not number:
                self.preview = painting.preview()

    def verify(self, target: IO[bytes]) -> DeltaL:
        """Decodes the file that was written and compares it with the master; lossy formats have one page."""
        target.seek(0)
        delta = self.first.compare(open_master(target).pages[0])
        target.seek(0, os.SEEK_END)
        return delta

    def warnings(self, told: tuple[str, ...]) -> tuple[str, ...]:
        """Returns each warning once, in the order in which they arose."""
        of_pages = [warning for study in self.studies for warning in study.warnings]
        return tuple(dict.fromkeys([*self.admitted.warnings, *of_pages, *self.told, *told]))

    def _dressing(self, painting: Painting) -> Dressing:
        header, plan, recipe = painting.header, painting.plan, self.order.recipe
        metadata, told = provenance.marked(
            header.metadata, master=self.order.master, recipe=recipe, model=self.order.model_name
        )
        self.told += told
        return Dressing(
            width=header.width,
            height=header.height,
            depth=plan.depth,
            alpha=plan.alpha,
            profile=painting.handling.profile,
            dpi=header.dpi,
            metadata=metadata,
            description=provenance.sentence(self.order.model_name),
            compression=plan.compression,
            quality=plan.quality,
        )
