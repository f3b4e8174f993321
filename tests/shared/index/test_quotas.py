"""Quotas: books that are charged all or not at all, that begin anew each day, and that a tally puts right."""

from __future__ import annotations

import io
import time

import pytest
import redis

from shared.errors import IndexUnavailable
from shared.index.connection import connect
from shared.index.quotas import Limits, Quotas
from tests.house import House, picture

NONE = Limits()


@pytest.fixture
def quotas(client: redis.Redis) -> Quotas:
    """The books of an empty index."""
    return Quotas(client)


def test_a_second_of_requests_may_come_at_once(quotas: Quotas, client: redis.Redis) -> None:
    """Requests are let through while they are behind the steady pace; one that is ahead waits for what it is ahead."""
    limits = Limits(requests=1000)
    left = [quotas.spend("a", limits, requests=1).requests_left for _ in range(20)]
    assert all(0 < rest < 1000 for rest in left)
    client.hset("pc:quota:a", "paid", str(time.time() * 1000 + 10_000))
    ahead = quotas.spend("a", limits, requests=1)
    assert ahead.refused == "requests"
    assert 5 < ahead.wait <= 9.01
    assert ahead.requests_left == 0
    assert quotas.spend("b", limits, requests=1).refused == ""


def test_bytes_are_refused_beyond_the_days_share(quotas: Quotas, client: redis.Redis) -> None:
    """What does not fit is refused whole and not charged, until the day is over."""
    limits = Limits(bytes=100)
    assert quotas.spend("a", limits, sent=60).bytes == 60
    beyond = quotas.spend("a", limits, sent=41)
    assert (beyond.refused, beyond.bytes) == ("bytes", 60)
    assert 0 < beyond.wait <= 86_400
    assert quotas.spend("a", limits, sent=40).bytes == 100
    client.hincrby("pc:quota:a", "day", -1)
    assert quotas.spend("a", limits, sent=41).bytes == 41


def test_pixels_are_charged_when_colored_and_refuse_the_next_submission(quotas: Quotas) -> None:
    """A worker's charge is never refused; a submission is once the day's megapixels are used up."""
    limits = Limits(megapixels=10)
    quotas.charge("a", pixels=9_999_999)
    assert quotas.spend("a", limits, items=5).refused == ""
    quotas.charge("a", pixels=40_000_000)
    spent = quotas.spend("a", limits, items=1)
    assert (spent.refused, spent.pixels) == ("megapixels", 49_999_999)
    assert quotas.spend("a", limits, requests=1, sent=5).refused == ""


def test_open_items_are_refused_beyond_their_number(quotas: Quotas) -> None:
    """A submission that would have too many open is refused and not counted."""
    limits = Limits(open_items=10)
    assert quotas.spend("a", limits, items=8).open_items == 8
    beyond = quotas.spend("a", limits, items=3)
    assert (beyond.refused, beyond.open_items, beyond.wait) == ("open-items", 8, 0)
    assert quotas.spend("a", limits, items=2).open_items == 10
    assert quotas.spend("a", NONE, items=1000).refused == ""


def test_a_tally_counts_what_is_really_open(house: House) -> None:
    """Items that ended, and submissions that made no job, are no longer counted after a tally."""
    form = {"image": [(io.BytesIO(picture(seed=n)), f"{n}.png") for n in range(3)]}
    for _ in range(2):
        house.http().post("/v1/jobs", data=form, content_type="multipart/form-data")
        form = {"image": [(io.BytesIO(picture(seed=9)), "9.png")]}
    quotas = house.services.index.quotas
    quotas.spend("default", NONE, items=500)
    quotas.spend("gone", NONE, items=7)
    quotas.tally()
    assert quotas.spend("default", NONE).open_items == 4
    assert quotas.spend("gone", NONE).open_items == 0
    assert house.work() == 4
    house.sweeper().sweep()
    assert quotas.spend("default", NONE).open_items == 0


def test_a_worker_charges_the_pixels_that_it_colors_once(house: House) -> None:
    """A colored picture counts with its pixels; the same one again is already made and costs nothing."""
    for _ in range(2):
        form = {"image": (io.BytesIO(picture(50, 40)), "a.png")}
        house.http().post("/v1/jobs", data=form, content_type="multipart/form-data")
        house.work()
    assert house.services.index.quotas.spend("default", NONE).pixels == 50 * 40


def test_the_books_are_few_and_go_by_themselves(quotas: Quotas, client: redis.Redis) -> None:
    """A tenant has one key, all open items have another, and both expire; a wiped index begins anew."""
    for tenant in ("a", "b"):
        quotas.spend(tenant, NONE, requests=1, sent=5, pixels=5, items=5)
    names = sorted(client.keys("*"))
    assert names == [b"pc:open", b"pc:quota:a", b"pc:quota:b"]
    assert all(0 < client.ttl(name) <= 172_800 for name in names)
    client.flushall()
    assert quotas.spend("a", NONE).bytes == 0


def test_an_index_that_is_away_says_so() -> None:
    """Where it does not answer the books raise IndexUnavailable, as all of the index does."""
    away = Quotas(connect("redis://127.0.0.1:1/0"))
    with pytest.raises(IndexUnavailable):
        away.spend("a", NONE)
    with pytest.raises(IndexUnavailable):
        away.tally()
