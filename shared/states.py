"""The states of all items of a job, two bits each: what `/states` answers, and what a job keeps when it has ended.

Item 0 stands in the most significant bits of byte 0. The last byte is filled up with zeros.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from shared import layout
from shared.errors import RecordDamaged
from shared.index.claims import bitmap
from shared.items import ItemState, part_count, part_numbers
from shared.jobs import Job
from shared.ledger import Ledger
from shared.storage.abreast import abreast

#: What two bits say; 0 is an item that is queued or running.
CODES = {ItemState.SUCCEEDED: 1, ItemState.FAILED: 2, ItemState.CANCELED: 3}
OPEN = 0

#: A state in the text of a row: a million rows are not parsed. In a name the quotes would be escaped.
_STATE = re.compile(rb'"state":"([a-z]+)"')
_STATES = {state.encode(): state for state in ItemState}


def _table(value: Callable[[int], int]) -> bytes:
    return bytes(value(byte) for byte in range(256))


def _spread(nibble: int) -> int:
    """Returns the four bits of a number with a zero before each."""
    return sum((nibble >> bit & 1) << 2 * bit for bit in range(4))


_UPPER, _LOWER = _table(lambda byte: _spread(byte >> 4)), _table(lambda byte: _spread(byte & 15))

#: By code: the places (0..3) of a byte's items that have it, and an expression for a byte with at least one.
_PLACES = [
    [[place for place in range(4) if byte >> 6 - 2 * place & 3 == code] for byte in range(256)] for code in range(4)
]
_HAVING = [
    re.compile(b"[%s]" % b"".join(re.escape(bytes([byte])) for byte in range(256) if places[byte]), re.DOTALL)
    for places in _PLACES
]


def pack(done: bytes, failed: bytes, total: int, *, sealed: bytes = b"", going: Sequence[int] | None = None) -> bytes:
    """Returns the states that the index's bitmaps tell, which may be shorter than `total` bits.

    `sealed`: of those that are done these were canceled. `going`: the job is canceled, and of its items that have not
    ended only these will; the others are canceled.
    """
    size = -(-total // 8)
    ended = int.from_bytes(done[:size].ljust(size, b"\0"))
    high = int.from_bytes(failed[:size].ljust(size, b"\0")) & ended
    low = ended & ~high
    high |= int.from_bytes(sealed[:size].ljust(size, b"\0")) & ended
    if going is not None:
        kept = ended | int.from_bytes(bitmap(going, total))
        stopped = ((1 << total) - 1 << 8 * size - total) & ~kept
        low, high = low | stopped, high | stopped
    lows, highs = low.to_bytes(size), high.to_bytes(size)
    packed = bytearray(2 * size)
    for first, table in enumerate((_UPPER, _LOWER)):
        packed[first::2] = _either(lows.translate(table), highs.translate(table))
    return bytes(packed[: -(-total // 4)])


def numbers(packed: bytes, code: int, *, start: int, total: int) -> Iterator[int]:
    """Yields the numbers from `start` on of the items in the state with `code`; where there are none costs nothing."""
    for found in _HAVING[code].finditer(packed, start // 4):
        at = found.start()
        for place in _PLACES[code][packed[at]]:
            if start <= (number := 4 * at + place) < total:
                yield number


def record(ledger: Ledger, job: Job) -> Counter[ItemState]:
    """Stores the states of a job whose parts are all closed, and returns how many items are in each."""
    packed = b"".join(_of_reports(ledger, job))
    ledger.store.put_if_absent(layout.states(job.tenant, job.id), packed, media_type="application/octet-stream")
    return count(packed)


def read(ledger: Ledger, job: Job) -> bytes:
    """Returns the states of a job that has ended; of one that has no record of them from its reports, at length."""
    try:
        with ledger.store.get(layout.states(job.tenant, job.id)) as stream:
            return stream.read()
    except KeyError:
        return b"".join(_of_reports(ledger, job))


def of_report(ledger: Ledger, job: Job, part: int) -> list[ItemState]:
    """Returns the states of a finished part's items, in their order.

    Raises KeyError while it has no report; RecordDamaged, with the part, for one that does not have a row an item.
    """
    key = layout.report(job.tenant, job.id, part)
    with ledger.store.get(key) as stream:
        found = [_STATES.get(text) for text in _STATE.findall(stream.read())]
    known = [state for state in found if state]
    if not len(known) == len(found) == len(part_numbers(part, job.total)):
        raise RecordDamaged(f"The report {key} does not have a row for each item of its part.", key=key, part=part)
    return known


def count(packed: bytes) -> Counter[ItemState]:
    """Returns how many items have ended in each state."""
    seen = Counter(packed)
    return Counter(
        {state: sum(times * len(_PLACES[code][byte]) for byte, times in seen.items()) for state, code in CODES.items()}
    )


def _either(low: bytes, high: bytes) -> bytes:
    """Returns two bits for each bit that `_spread` has set apart."""
    return (int.from_bytes(low) | int.from_bytes(high) << 1).to_bytes(len(low))


def _of_reports(ledger: Ledger, job: Job) -> list[bytes]:
    """Returns the states of each part: 1,000 items are 250 whole bytes."""

    def packed(part: int) -> bytes:
        codes = [CODES[state] for state in of_report(ledger, job, part)]
        codes += [OPEN] * (-len(codes) % 4)
        return bytes(a << 6 | b << 4 | c << 2 | d for a, b, c, d in zip(*[iter(codes)] * 4, strict=True))

    return abreast(ledger.store, packed, range(part_count(job.total)))
