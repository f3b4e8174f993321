"""States of items, 2 bits each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom.wire.states import NAMES, States

STATES = st.lists(st.sampled_from(NAMES), max_size=70)


def packed(names: list[str]) -> States:
    """The states as the server packs them."""
    bits = "".join(f"{NAMES.index(name):02b}" for name in names).ljust(-(-len(names) // 4) * 8, "0")
    return States(bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)), len(names))


@given(STATES)
def test_what_is_packed_is_read(names: list[str]) -> None:
    """Every state is read from its two bits, from both ends and by slices."""
    states = packed(names)
    assert list(states) == names
    assert len(states) == len(names)
    assert states[1:] == names[1:]
    assert [states[-number] for number in range(1, len(names) + 1)] == names[::-1]


@given(STATES)
def test_ending_items_makes_the_same_states(names: list[str]) -> None:
    """Noting what has ended, item by item, packs as the server does; what differs until then are the ended ones."""
    states = States.open(len(names))
    ended = [number for number, name in enumerate(names) if name != "open"]
    assert list(packed(names).differing(states)) == ended
    for number in ended:
        states.end(number, names[number])
    assert states == packed(names)
    assert list(packed(names).differing(states)) == []


def test_a_million_that_differ_in_one() -> None:
    """One item that ended among a million is found."""
    before, after = States.open(1_000_000), States.open(1_000_000)
    after.end(654_321, "failed")
    assert list(after.differing(before)) == [654_321]
    assert after[654_321] == "failed"


def test_wrong_sizes_are_refused() -> None:
    """Bytes that are not those of so many items, and numbers that are no items, are errors."""
    with pytest.raises(ValueError, match="5 items have 2 bytes"):
        States(b"0", 5)
    with pytest.raises(IndexError):
        States.open(3)[3]
