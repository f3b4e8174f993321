"""Verdicts: from how a child ended to what that means for its picture, and whether it is tried once more. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import DecodeCrashed, PictureError, TooExpensive
from worker.sandbox.allowances import Allowances
from worker.sandbox.child import OUT_OF_MEMORY

_MIB = 1 << 20


class Loss(StrEnum):
    """Why the worker gave up on a child."""

    SILENT = "silent"  # it hung up
    LATE = "late"  # its time was over
    GARBLED = "garbled"  # it said what makes no sense
    BUG = "bug"  # it met with an exception that is none of ours


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """How a child ended, as its parent, the nursery, saw it."""

    #: exit status, or the number of a signal, negative
    exit_code: int
    #: whether it lived still and was killed on purpose
    killed: bool
    #: processor time of its whole life, seconds
    cpu_seconds: float
    #: most memory it ever held, bytes
    peak_bytes: int

    @property
    def words(self) -> str:
        """How it ended, for people."""
        if self.killed:
            return "it was stopped"
        if self.exit_code < 0:
            return f"it died by {_name(-self.exit_code)}"
        return f"it ended with status {self.exit_code}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """Under which a child was lost."""

    #: what the picture was allowed
    allowances: Allowances
    #: memory of a child, bytes
    memory_bytes: int
    #: pixels of the picture; None where its headers were not read yet
    pixels: int | None
    #: seconds since the headers were read, or since the beginning; without the net's
    seconds: float
    #: processor time that the child's earlier pictures took, seconds
    cpu_before: float
    #: size of what was written, bytes
    file_bytes: int
    #: whether the child had served other pictures
    used: bool
    #: how often the picture was tried, this time included
    tries: int


def judge(loss: Loss, fate: Fate, here: Circumstances) -> PictureError | None:
    """Returns the picture's failure, or None where it is to be tried once more in a fresh child.

    Limits of time, processor time and file size are the picture's own doing and final. Memory is, unless the child had
    served others, which may have left less of it. Any other death may be bad luck, and is final the second time. So is
    a SIGKILL that nobody here sent: it is most often the kernel's, out of memory, and then counts as too expensive.
    """
    if verdict := _over(loss, fate, here):
        return verdict
    if here.tries == 1 and (here.used or fate.killed or fate.exit_code != OUT_OF_MEMORY):
        return None
    if not fate.killed and fate.exit_code == OUT_OF_MEMORY:
        return _starved("and asked for more", fate, here)
    if not fate.killed and fate.exit_code == -signal.SIGKILL:
        return _starved("when the system killed it, most likely out of memory", fate, here)
    return _crashed(loss, fate)


def _over(loss: Loss, fate: Fate, here: Circumstances) -> TooExpensive | None:
    """Returns the failure of a picture that went over a limit of time, processor time or file size."""
    allowances, pixels = here.allowances, here.pixels
    whose = "the headers of a picture get" if pixels is None else "a picture of its size gets"
    if loss is Loss.LATE:
        limit = allowances.seconds(pixels)
        words = f"It took longer than the {limit:,.0f} seconds that {whose}."
        return TooExpensive(words, resource="seconds", limit=limit, seen=round(here.seconds, 1))
    if fate.exit_code == -signal.SIGXCPU:
        allowed = allowances.cpu_seconds(pixels)
        words = f"It took more than the {allowed:,} seconds of processor time that {whose}."
        seen = round(fate.cpu_seconds - here.cpu_before, 1)
        return TooExpensive(words, resource="cpu_seconds", limit=allowed, seen=seen)
    if fate.exit_code == -signal.SIGXFSZ:
        most = allowances.file_bytes(pixels)
        words = f"It wrote more than the {most:,} bytes that {whose}."
        return TooExpensive(words, resource="file_bytes", limit=most, seen=here.file_bytes)
    return None


def _crashed(loss: Loss, fate: Fate) -> DecodeCrashed:
    what = {
        Loss.GARBLED: "The process that decoded this picture answered nonsense, twice",
        Loss.BUG: "The process that decoded this picture met with a bug, twice; the worker's log has the traceback",
    }.get(loss, "The process that decoded this picture died, twice")
    return DecodeCrashed(f"{what}: the second time {fate.words}.", seen=fate.words)


def _starved(what: str, fate: Fate, here: Circumstances) -> TooExpensive:
    return TooExpensive(
        f"It needs more memory than the {here.memory_bytes // _MIB:,} MiB that a picture gets "
        f"(PHOTOCHROM_SANDBOX_MEGABYTES): its process held {fate.peak_bytes // _MIB:,} MiB {what}.",
        resource="memory_bytes",
        limit=here.memory_bytes,
        seen=fate.peak_bytes,
    )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
