"""Items of several candidates: one look of the net, a derivative each, and nothing made twice."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from typing import IO, Any

import numpy as np
import pytest
import tifffile

from shared import layout, reports
from shared.clock import ManualClock
from shared.errors import StorageUnavailable
from shared.ids import new_id
from shared.items import Item, ItemState
from shared.jobs import Job
from shared.outcomes import Outcome
from shared.recipes import PIPELINE_VERSION, resolve
from tests.house import LITE, House, lite, picture
from worker import attempts, derivatives, pipeline
from worker.consultation import Consultation
from worker.leases import Leases
from worker.orders import Derivative, Order
from worker.slices import work

TEMPERATURES = [0.2, 0.38, 0.7]


class Counting:
    """The net that ships, counting how often it runs."""

    engine = "counting"

    def __init__(self) -> None:
        self.runs = 0

    @property
    def input_size(self) -> int:
        """The real net's."""
        return lite().input_size

    def logits(self, lightness: np.ndarray) -> np.ndarray:
        """The real net's answer."""
        self.runs += 1
        return lite().logits(lightness)


@pytest.fixture
def net() -> Counting:
    """A net that counts."""
    return Counting()


@pytest.fixture
def counted(house: House, net: Counting) -> House:
    """A house whose net counts."""
    return replace(house, shop=replace(house.shop, nets={LITE.digest: net}))


def submit(house: House, data: bytes, **recipe: object) -> Job:
    """Commits and registers a job of one master."""
    ledger, digest = house.shop.ledger, hashlib.sha256(data).hexdigest()
    job = Job(id=new_id(), tenant="default", created=0.0, model="lite", recipe=resolve(recipe), total=1)
    house.store.put_if_absent(layout.master("default", digest), data)
    ledger.open("default", job.id)
    ledger.write_part("default", job.id, 0, [Item(number=0, master=digest, filename="a.png")])
    ledger.commit(job)
    house.shop.index.register(job)
    return job


def row(house: House, job: Job) -> Outcome:
    """How the job's one item ended."""
    (found,) = reports.rows(house.shop.ledger, job)
    return found


def _pages(count: int) -> bytes:
    """A TIFF of several different pages."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        for page in range(count):
            coarse = np.random.default_rng(page).integers(0, 256, (6, 8), np.uint8)
            writer.write(np.kron(coarse, np.ones((8, 8), np.uint8)), contiguous=False)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "recipe", "runs"),
    [
        pytest.param(picture(), {}, 1, id="one window"),
        pytest.param(picture(400, 100), {}, 5, id="a panorama"),
        pytest.param(_pages(3), {"pages": "all"}, 3, id="three pages"),
    ],
)
def test_the_net_looks_once(counted: House, net: Counting, data: bytes, recipe: dict[str, object], runs: int) -> None:
    """Whatever the number of candidates, the net runs once a window of a page."""
    alone = submit(counted, data, temperature=0.5, **recipe)
    counted.work()
    assert row(counted, alone).state is ItemState.SUCCEEDED
    assert net.runs == runs
    job = submit(counted, data, candidates=TEMPERATURES, **recipe)
    counted.work()
    assert row(counted, job).state is ItemState.SUCCEEDED
    assert net.runs == 2 * runs


def test_an_item_has_a_derivative_a_candidate(house: House) -> None:
    """Each candidate is what its temperature alone gives, byte for byte, with sidecar and preview of its own."""
    data = picture(fmt="JPEG")
    job = submit(house, data, candidates=TEMPERATURES)
    house.work()
    found = row(house, job)
    assert [candidate.temperature for candidate in found.candidates] == TEMPERATURES
    assert found.derivative == found.candidates[0].derivative
    assert len({candidate.derivative.sha256 for candidate in found.candidates}) == 3
    master = hashlib.sha256(data).hexdigest()
    for recipe in job.recipe.each():
        for key in (layout.sidecar("default", master, recipe.digest), layout.preview("default", master, recipe.digest)):
            assert house.store.head(key), key
    other = House(services=house.services, shop=replace(house.shop), client=house.client)
    for entry in list(house.store.list("t/default/derivatives/")):
        house.store.delete(entry.key)
    for candidate in found.candidates:
        alone = submit(other, data, temperature=candidate.temperature)
        other.work()
        assert row(other, alone).derivative == candidate.derivative
        assert row(other, alone).candidates == ()
        assert row(other, alone).uncertainty == found.uncertainty


def test_only_what_is_missing_is_made(counted: House, net: Counting) -> None:
    """A candidate that an earlier job has made is not made again; when all are there, nothing is begun."""
    data = picture()
    first = submit(counted, data, temperature=0.38)
    counted.work()
    before = {entry.key: entry.modified for entry in counted.store.list("t/default/derivatives/")}
    job = submit(counted, data, candidates=TEMPERATURES)
    counted.work()
    made = row(counted, job)
    assert made.candidates[1].derivative == row(counted, first).derivative
    assert (made.attempts, made.already_made, net.runs) == (1, False, 2)
    assert (
        before.items() <= {entry.key: entry.modified for entry in counted.store.list("t/default/derivatives/")}.items()
    )
    again = submit(counted, data, candidates=TEMPERATURES[::-1])
    counted.work()
    found = row(counted, again)
    assert (found.attempts, found.already_made, net.runs) == (0, True, 2)
    assert found.candidates == made.candidates[::-1]
    assert found.derivative == made.candidates[2].derivative


def test_a_bad_master_fails_once(house: House) -> None:
    """A damaged master fails its item, whatever the number of candidates, and leaves nothing."""
    job = submit(house, picture()[:200], candidates=TEMPERATURES)
    house.work()
    assert row(house, job).code in ("truncated", "corrupt")
    assert list(house.store.list("t/default/derivatives/")) == []


def test_a_death_between_candidates_costs_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes after a worker that died at its second candidate makes the second and third, not the first."""

    class Death(BaseException):
        pass

    job, real, asked = submit(house, picture(), candidates=TEMPERATURES), pipeline.derive, []

    def deadly(source: IO[bytes], target: IO[bytes], order: Order, **kwargs: Any) -> Derivative:
        asked.append(order.recipe.temperature)
        if len(asked) == 2:
            raise Death
        return real(source, target, order, **kwargs)

    monkeypatch.setattr(pipeline, "derive", deadly)
    index = house.shop.index
    (claim,) = index.claim(LITE.digest or "", pipeline=PIPELINE_VERSION, owner="h/1", host="h", lease=9)
    fetched = attempts.fetch(house.shop, claim, job, house.shop.ledger.read_item(job, 0))
    with pytest.raises(Death):
        attempts.color(house.shop, Leases(index, house.shop.clock, seconds=9, overdue=print), fetched)
    fetched.close()
    index.release(claim, charge=True)
    house.work()
    assert asked == [0.2, 0.38, 0.38, 0.7]
    assert (row(house, job).attempts, len(row(house, job).candidates)) == (2, 3)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_storage_trouble_between_candidates_is_waited_out(
    house: House, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Where the storage is away for a moment as a candidate is stored, the item succeeds at its first attempt."""
    job = submit(house, picture(), candidates=TEMPERATURES)
    real, calls = derivatives.put, []

    def shaky(*args: object, **kwargs: object) -> object:
        calls.append(args)
        if len(calls) == failing:
            raise StorageUnavailable()
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(derivatives, "put", shaky)
    assert work(replace(house.shop, clock=ManualClock()), LITE.digest) == 1
    found = row(house, job)
    assert (found.state, found.attempts, len(found.candidates)) == (ItemState.SUCCEEDED, 1, 3)


def test_uncertainty_is_told_and_shown(house: House) -> None:
    """Figures stand in sidecar and row; the map is a JPEG of the preview's size, one for all candidates."""
    data = picture(300, 200)
    job = submit(house, data, candidates=TEMPERATURES)
    house.work()
    found, master = row(house, job), hashlib.sha256(data).hexdigest()
    assert found.uncertainty is not None
    assert 0 < found.uncertainty["mean"] < found.uncertainty["p95"] < 1
    for recipe in job.recipe.each():
        with house.store.get(layout.sidecar("default", master, recipe.digest)) as stream:
            assert json.load(stream)["uncertainty"] == found.uncertainty
    maps = [entry.key for entry in house.store.list("t/default/previews/") if "uncertainty" in entry.key]
    assert maps == [layout.uncertainty("default", master, LITE.digest or "", job.recipe.pipeline)]


def test_a_sidecar_of_before_is_read(house: House) -> None:
    """A derivative that was made before uncertainty was looked at is still already made; nobody knows how unsure."""
    data = picture()
    job, master = submit(house, data), hashlib.sha256(data).hexdigest()
    house.work()
    key = layout.sidecar("default", master, job.recipe.digest)
    with house.store.get(key) as stream:
        old = json.load(stream)
    del old["uncertainty"]
    house.store.put(key, json.dumps(old).encode())
    again = submit(house, data)
    house.work()
    assert row(house, again).already_made
    assert row(house, again).uncertainty is None
    assert reports.read_review(house.shop.ledger, again) == ()
    assert [item.number for item in reports.read_review(house.shop.ledger, job)] == [0]


def test_answers_beyond_the_room_are_asked_again(net: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a master has more pages than answers are kept of, the rest is asked again, and figures stay the same."""
    from models.windows import Windows  # noqa: PLC0415

    recipes, where = resolve({"candidates": TEMPERATURES}).each(), Windows(count=1, wide=True)
    dice = np.random.default_rng(1)
    pages = [np.kron(dice.uniform(0, 100, (7, 7)), np.ones((32, 32))).astype(np.float32) for _ in range(3)]

    def read(consultation: Consultation) -> list[np.ndarray]:
        return [consultation.colorist(recipe)(page, where) for recipe in recipes for page in pages]

    roomy = Consultation(net, recipes)
    assert roomy.uncertainty() is None
    assert roomy.map(10, 10) is None
    wanted = read(roomy)
    assert net.runs == 3
    monkeypatch.setattr("worker.consultation._KEPT_BYTES", 2 * 7 * 56 * 56 * 4)
    tight = Consultation(net, recipes)
    assert all(map(np.array_equal, read(tight), wanted))
    assert net.runs == 3 + 3 + 2
    assert tight.uncertainty() == roomy.uncertainty()
    assert tight.map(90, 60) == roomy.map(90, 60)
