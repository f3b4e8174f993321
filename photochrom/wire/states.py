"""States of a job's items, 2 bits each: what a million items cost a client that looks at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

#: What the two bits say, by their value.
NAMES = ("open", "succeeded", "failed", "canceled")

#: Bytes that are compared at once.
_STRIDE = 4096


class States(Sequence[str]):
    """The state of each item: open (queued or running), succeeded, failed or canceled.

    Item 0 is in the two most significant bits of byte 0.
    """

    def __init__(self, data: bytes, total: int) -> None:
        """Takes `total` states; raises ValueError where they are not as many bytes as that takes."""
        if len(data) != -(-total // 4):
            raise ValueError(f"{total} items have {-(-total // 4)} bytes of states, not {len(data)}.")
        self.data = bytearray(data)
        self._total = total

    @classmethod
    def open(cls, total: int) -> States:
        """Makes the states of `total` items that are all open."""
        return cls(bytes(-(-total // 4)), total)

    def end(self, number: int, state: str) -> None:
        """Notes the state of an item that was open."""
        self.data[number // 4] |= NAMES.index(state) << (6 - 2 * (number % 4))

    def __len__(self) -> int:
        return self._total

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._total))]
        number = index + self._total if index < 0 else index
        if not 0 <= number < self._total:
            raise IndexError(index)
        return NAMES[self.data[number // 4] >> (6 - 2 * (number % 4)) & 3]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, States) and (self._total, self.data) == (other._total, other.data)

    __hash__ = None  # type: ignore[assignment]  # a sequence that compares by content

    def differing(self, before: States) -> Iterator[int]:
        """Yields the numbers whose state is not that in `before`, in order; what is equal costs next to nothing."""
        for start in range(0, len(self.data), _STRIDE):
            new, old = self.data[start : start + _STRIDE], before.data[start : start + _STRIDE]
            if new == old:
                continue
            for place, (one, other) in enumerate(zip(new, old, strict=True), start):
                if moved := one ^ other:
                    yield from (place * 4 + k for k in range(4) if moved >> (6 - 2 * k) & 3)
