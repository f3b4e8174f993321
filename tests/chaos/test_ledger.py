"""The clients' ledger and the begins: what the harness's verdicts rest on."""

from __future__ import annotations

from pathlib import Path

import redis

from tests.chaos.begins import Begins
from tests.chaos.clients import until
from tests.chaos.ledger import Asked, Ledger
from tests.chaos.monitor import Monitor
from tests.chaos.strikes import Strike


def test_the_ledger_is_what_its_file_says(tmp_path: Path) -> None:
    """Another ledger over the same file knows every key, its items and its jobs, and which was paused or canceled."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    items = [Asked(sha256="a"), Asked(sha256="b", succeeds=False, codes=("not_a_picture",))]
    ledger.asked("one", items)
    ledger.asked("two", items[:1])
    ledger.accepted("one", "job-1")
    ledger.accepted("one", "job-2")
    ledger.canceled("job-2")
    ledger.paused("job-1")
    ledger.paused("job-2")
    ledger.resumes("job-1")
    ledger.wrong("500")
    again = Ledger(ledger.path)
    assert again.jobs()["job-1"].items == tuple(items)
    assert again.keys() == {"one": {"job-1", "job-2"}, "two": set()}
    assert again.canceled_jobs() == {"job-2"}
    (begun, over), (later, never) = again.pauses()["job-1"], again.pauses()["job-2"]
    assert begun <= later <= over < never
    assert again.wrongs() == ["500"]
    assert [item.good for item in items] == [True, False]


def test_only_a_fault_excuses_a_second_begin(client: redis.Redis) -> None:
    """Begins are heard from the scripts' writes; one after the first needs a fault of its host between the two."""
    path = str(client.connection_pool.connection_kwargs["path"])
    monitor = Monitor(path)
    begins = Begins(monitor)
    with monitor:
        assert until(lambda: any(each["cmd"] == "monitor" for each in client.client_list()), 10, period=0.01)
        for text in ("0|0|host0/aa/1", "1|1|host0/aa/1", "1|0|", "1|0|host1/bb/2", "2|1|host1/bb/2"):
            client.hset("pc:job:some:tries", "7", text)
        assert until(lambda: begins.total == 2, 10, period=0.01)
    first, second = begins.items()["some", 7]
    assert (first.host, second.host) == ("host0", "host1")

    def strike(at: float, *hosts: str) -> Strike:
        return Strike(fault="kill", at=at, until=at, hosts=frozenset(hosts))

    middle = (first.at + second.at) / 2
    assert begins.unexplained([strike(middle, "host0")]) == []
    assert len(begins.unexplained([strike(middle, "host1")])) == 1
    assert len(begins.unexplained([strike(first.at - 1, "host0"), strike(second.at + 1, "host0")])) == 1
    assert begins.while_paused({"some": (first.at, second.at), "other": (0, second.at + 1)}) == []
    assert len(begins.while_paused({"some": (first.at, second.at + 1)})) == 1
