"""The table that a run prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

_HEADS = ("round", "fault", "times", "jobs", "items", "began", "lost", "duplicates", "worst recovery")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One fault of one round. What is counted from `jobs` on is of the whole round: its faults overlap."""

    #: the round
    round: str
    #: the fault
    fault: str
    #: how often it happened
    times: int
    #: jobs and items that were accepted
    jobs: int
    items: int
    #: attempts
    began: int
    #: items without an end
    lost: int
    #: jobs, keys and records that there are twice, or that changed
    duplicates: int
    #: longest time from the fault until all that it hit had ended, seconds; None where it hit nothing
    worst: float | None


def table(rows: Sequence[Row]) -> str:
    """Returns the rows as a Markdown table."""
    lines = [_HEADS, tuple("---" for _ in _HEADS), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    *facts, worst = astuple(row)
    texts = (f"{fact:,}" if isinstance(fact, int) else str(fact) for fact in facts)
    return (*texts, "-" if worst is None else f"{worst:.1f} s")
