"""The faulty proxy itself: it does what its windows say, and nothing else."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from shared.errors import StorageUnavailable
from shared.storage.s3 import S3Store
from shared.storage.s3_opening import s3_store
from tests.chaos.faults.storage import chains
from tests.chaos.proxy import FaultyProxy
from tests.chaos.relay import Fault

DATA = bytes(range(256)) * 2000


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """The port of an S3 server."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    yield moto.get_host_and_port()[1]
    moto.stop()


@pytest.fixture
def proxy(server: int) -> Iterator[FaultyProxy]:
    """A proxy without windows."""
    made = FaultyProxy(server, seed=1)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def store(proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """A store behind the proxy that gives up after one try."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr("shared.storage.s3_opening.Config", _impatient)
    monkeypatch.setattr("shared.storage.s3._PAUSE", 0.001)
    made = s3_store(
        bucket="chaos",
        endpoint_url=f"http://127.0.0.1:{proxy.port}",
        region="us-east-1",
        path_style=True,
        public_url=None,
    )
    made.client.create_bucket(Bucket="chaos")
    made.put("there", DATA)
    return made


def _impatient(**how: object) -> Config:
    return Config(**how | {"retries": {"total_max_attempts": 1, "mode": "standard"}, "read_timeout": 1})  # type: ignore[arg-type]


def read(store: S3Store) -> bytes:
    """The object that is there."""
    with store.get("there") as stream:
        return stream.read()


def test_without_windows_it_is_not_noticed(store: S3Store, proxy: FaultyProxy) -> None:
    """Objects pass both ways as they are, creates decide once, and every request is counted."""
    assert read(store) == DATA
    assert store.put_if_absent("new", DATA)
    assert not store.put_if_absent("new", DATA)
    assert [info.key for info in store.list("")] == ["new", "there"]
    store.delete("new")
    assert store.head("new") is None
    assert proxy.passed == 8
    assert not proxy.hits


@pytest.mark.parametrize("kind", [kind for kind in Fault if kind is not Fault.CONFLICT])
def test_a_window_hits_and_closes(kind: Fault, store: S3Store, proxy: FaultyProxy) -> None:
    """Within a window reading and creating fail as trouble that waiting ends, counted; after it both work."""
    proxy.fault(kind, 60)
    if kind is Fault.OUTAGE:
        _wait(lambda: not _listens(proxy))
    for act in (lambda: read(store), lambda: store.put_if_absent("new", DATA)):
        with pytest.raises(StorageUnavailable):
            act()
    assert proxy.hits[kind] >= 1
    assert not proxy.healthy()
    proxy.heal()
    _wait(lambda: _listens(proxy))
    assert read(store) == DATA
    # Where the answer alone was lost, the object is there.
    assert store.put_if_absent("new", DATA) is (kind is not Fault.RESET_DOWNLOAD)
    store.delete("new")


def test_a_conflict_hits_creates_alone(store: S3Store, proxy: FaultyProxy) -> None:
    """Conditional creates are told 409; what is not conditional passes."""
    proxy.fault(Fault.CONFLICT, 60)
    with pytest.raises(StorageUnavailable) as caught:
        store.put_if_absent("new", DATA)
    assert caught.value.extra["reason"] == "409"
    store.put("other", DATA)
    assert read(store) == DATA
    assert proxy.hits == {Fault.CONFLICT: 6}


def test_half_an_upload_leaves_no_object(store: S3Store, proxy: FaultyProxy) -> None:
    """What was cut off on its way up does not exist."""
    proxy.fault(Fault.RESET_UPLOAD, 60)
    with pytest.raises(StorageUnavailable):
        store.put("half", DATA)
    proxy.heal()
    assert store.head("half") is None


def test_a_share_hits_some_the_same_each_time(server: int) -> None:
    """Of the requests a share is hit, and which is up to the seed."""

    def verdicts(seed: int) -> list[Fault | None]:
        proxy = FaultyProxy(server, seed=seed)
        proxy.fault(Fault.ERROR_500, 60, share=0.3)
        return [proxy.judge(conditional=False) for _ in range(200)]

    assert verdicts(1) == verdicts(1) != verdicts(2)
    assert 30 < sum(verdict is not None for verdict in verdicts(1)) < 90


def test_a_window_closes_by_the_clock(server: int) -> None:
    """A window that is over hits nothing."""
    proxy = FaultyProxy(server)
    proxy.fault(Fault.ERROR_503, 0.01)
    _wait(proxy.healthy)
    assert proxy.judge(conditional=True) is None


@pytest.mark.parametrize("count", [25, 300])
def test_every_kind_has_its_windows(count: int) -> None:
    """The windows of a run are as many as were asked for, of every kind, with one long outage."""
    chosen = [pair for chain in chains(FaultyProxy(0), count) for pair in chain]
    assert sum(times for _, times in chosen) == count
    assert len({fault.name for fault, _ in chosen}) == len(Fault) + 1
    assert min(times for fault, times in chosen if "minute" not in fault.name) >= (count - 1) // len(Fault)


def _listens(proxy: FaultyProxy) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", proxy.port)) == 0


def _wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not done():
        assert time.monotonic() < until
        time.sleep(0.01)
