"""Two bits an item: packed from bitmaps, recorded from reports, searched without a look at what does not match."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import layout, reports, states
from shared.index.claims import bitmap
from shared.items import Item, ItemState
from shared.jobs import Job
from shared.ledger import Ledger
from shared.outcomes import canceled, success
from shared.recipes import resolve
from shared.storage.memory import MemoryStore

CODES = st.lists(st.integers(0, 3), min_size=1, max_size=70)


def decoded(packed: bytes) -> list[int]:
    """The codes, as a client would read them: four a byte, the first in the most significant bits."""
    return [byte >> shift & 3 for byte in packed for shift in (6, 4, 2, 0)]


def maps(codes: list[int]) -> tuple[bytes, bytes]:
    """The index's bitmaps of items in these states, without zeros at the end, as a server gives them."""
    done = [number for number, code in enumerate(codes) if code in (1, 2)]
    failed = [number for number, code in enumerate(codes) if code == 2]
    return bitmap(done, len(codes)).rstrip(b"\0"), bitmap(failed, len(codes)).rstrip(b"\0")


@given(codes=CODES)
def test_bitmaps_become_two_bits_an_item(codes: list[int]) -> None:
    """Done and failed give 0, 1 and 2 in the items' order; the last byte is filled up with zeros."""
    codes = [code % 3 for code in codes]
    packed = states.pack(*maps(codes), len(codes))
    assert len(packed) == -(-len(codes) // 4)
    assert decoded(packed) == codes + [0] * (-len(codes) % 4)


@given(codes=CODES)
def test_in_a_canceled_job_what_does_not_go_on_is_canceled(codes: list[int]) -> None:
    """Of the items that have not ended those that somebody holds stay 0, the others are 3; padding stays 0."""
    going = [number for number, code in enumerate(codes) if code == 0]
    packed = states.pack(*maps(codes), len(codes), going=going)
    assert decoded(packed) == codes + [0] * (-len(codes) % 4)


@given(codes=CODES, code=st.integers(0, 3), start=st.integers(0, 80))
def test_numbers_are_those_in_the_state(codes: list[int], code: int, start: int) -> None:
    """A search from any number on finds each item in the state once, in order, and none of the padding."""
    packed = states.pack(*maps(codes), len(codes), going=[n for n, each in enumerate(codes) if each == 0])
    found = list(states.numbers(packed, code, start=start, total=len(codes)))
    assert found == [number for number, each in enumerate(codes) if each == code and number >= start]


@pytest.fixture
def ended() -> tuple[Ledger, Job]:
    """A job of 1,002 items whose parts are closed: all succeeded but every seventh, which was canceled."""
    ledger = Ledger(store=MemoryStore())
    recipe = resolve({}, lambda _: "0" * 64)
    job = Job(id="j", tenant="a", created=0, model="lite", recipe=recipe, total=1002)
    items = [Item(number=n, master="0" * 64, filename='"state":"failed"') for n in range(job.total)]
    for part in range(2):
        ledger.write_part("a", "j", part, items[1000 * part : 1000 * part + 1000])
    for item in items:
        ledger.end_item(job, success(item) if item.number % 7 else canceled(item))
    for part in range(2):
        reports.write(ledger, job, part)
    return ledger, job


def test_an_ended_job_keeps_its_states(ended: tuple[Ledger, Job]) -> None:
    """The record has each item's state, whatever its name says, and counts them; without it the reports do."""
    ledger, job = ended
    assert states.record(ledger, job) == {ItemState.SUCCEEDED: 858, ItemState.CANCELED: 144, ItemState.FAILED: 0}
    packed = states.read(ledger, job)
    assert decoded(packed) == [1 if n % 7 else 3 for n in range(1002)] + [0, 0]
    ledger.store.delete(layout.states("a", "j"))
    assert states.read(ledger, job) == packed


def test_a_job_is_closed_from_many_reports_at_once(ended: tuple[Ledger, Job]) -> None:
    """Where storage is far away the reports are read abreast, for the states and for the review."""
    ledger, job = ended
    both = threading.Barrier(2)

    class Far(MemoryStore):
        breadth = 2

        def get(self, key: str, **span: int) -> AbstractContextManager[BinaryIO]:
            if "/report/" in key:
                both.wait(30)
            return super().get(key, **span)

    far = Far()
    for info in ledger.store.list(""):
        with ledger.store.get(info.key) as stream:
            far.put(info.key, stream.read())
    there = Ledger(store=far)
    assert states.record(there, job) == states.count(states.read(ledger, job))
    reports.write_review(there, job)
    reports.write_review(ledger, job)
    assert reports.read_review(there, job) == reports.read_review(ledger, job)
