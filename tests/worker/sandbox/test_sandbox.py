"""The sandbox with real processes: whatever a picture does is its own failure, and the next is colored."""

from __future__ import annotations

import gc
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.windows import Windows
from shared.errors import (
    DecodeCrashed,
    NetFailed,
    PhotochromError,
    PictureError,
    SandboxUnavailable,
    TooExpensive,
    errors,
)
from shared.recipes import resolve
from tests.worker.sandbox import traps
from worker.orders import Derivative, Limits, Order
from worker.sandbox import Allowances, Sandbox

MEMORY = 64 << 20
ENTRY = "tests.worker.sandbox.traps:derive"
QUICK = Allowances(header_cpu_seconds=1, picture_cpu_seconds=1, spare_file_bytes=1 << 20)
ORDER = Order(
    master="0" * 64,
    recipe=resolve({}),
    model_name="lite",
    limits=Limits(max_pixels=10**6, max_whole_pixels=10**6, max_pages=3, max_metadata_bytes=1 << 20),
    net_side=32,
)


def make_sandbox(folder: Path, **options: Any) -> Sandbox:
    """A sandbox of traps."""
    return Sandbox(folder, MEMORY, ENTRY, **{"rehearsal": None, "allowances": QUICK, **options})


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that the tests of this file share, since none may leave a trace in it."""
    with make_sandbox(tmp_path_factory.mktemp("cache")) as made:
        yield made


def flat(lightness: np.ndarray, where: Windows) -> np.ndarray:
    """A net that answers with the lightness."""
    height, width = lightness.shape
    return np.stack([lightness[::4, ::4], -lightness[::4, ::4]]).reshape(2, height // 4, width // 4)


def derive(
    sandbox: Any,
    tenant: str = "ann",
    *,
    order: Order = ORDER,
    colorist: Any = flat,
    admitted: Callable[[int], None] = lambda pixels: None,
    **says: Any,
) -> tuple[Derivative, bytes]:
    """Derives from a master that says so."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(json.dumps(says).encode())
        source.seek(0)
        made = sandbox.derive(tenant, source, target, order, colorist=colorist, admitted=admitted)
        assert source.tell() == 0
        size = target.tell()
        target.seek(0)
        data = target.read()
        assert size == len(data)
        return made, data


def facts(sandbox: Sandbox, tenant: str = "ann") -> dict[str, Any]:
    """What the child of a tenant tells of itself."""
    made, _ = derive(sandbox, tenant, trap="tell")
    told: dict[str, Any] = json.loads(made.warnings[0])
    return told


class InPlace:
    """The same traps without a sandbox."""

    def derive(
        self, tenant: str, source: Any, target: Any, order: Order, *, colorist: Any, admitted: Any
    ) -> Derivative:
        """Derives in this process."""
        made = traps.derive(source, target, order, colorist=colorist, admit=admitted)
        source.seek(0)
        return made


@pytest.mark.parametrize("order", [ORDER, replace(ORDER, previews=False, verify=False)], ids=["all", "least"])
def test_a_derivative_is_that_of_the_entry_in_place(sandbox: Sandbox, order: Order) -> None:
    """What was made, and its bytes, do not differ from what the same entry makes without a sandbox."""
    heard: list[int] = []
    says = {"pixels": 4321, "windows": 5, "text": "grüße"}
    assert derive(sandbox, order=order, admitted=heard.append, **says) == derive(InPlace(), order=order, **says)
    assert heard == [4321]


DEATHS = {
    "segfault": "SIGSEGV",
    "abort": "SIGABRT",
    "end": "status 0",
    "hang_up": "SIGTERM",
    "raise_foreign": "status 70",
    "babble": "stopped",
}
EXPENSIVE = {
    "grow": "memory_bytes",
    "grow_at_once": "memory_bytes",
    "hide_refused_memory": "memory_bytes",
    "say_no_memory": "memory_bytes",
    "be_killed": "memory_bytes",
    "spin": "cpu_seconds",
    "write": "file_bytes",
}


@pytest.mark.parametrize("when", ["early", "trap"])
@pytest.mark.parametrize("trap", DEATHS)
def test_a_death_is_the_pictures_own_failure(sandbox: Sandbox, trap: str, when: str) -> None:
    """A child that dies twice fails its picture and no other, of the same tenant or of another."""
    with pytest.raises(DecodeCrashed) as caught:
        derive(sandbox, **{when: trap})
    assert DEATHS[trap] in caught.value.detail
    assert "twice" in caught.value.detail
    assert derive(sandbox)
    assert derive(sandbox, "bob")


@pytest.mark.parametrize("when", ["early", "trap"])
@pytest.mark.parametrize("trap", EXPENSIVE)
def test_greed_is_the_pictures_own_failure(sandbox: Sandbox, trap: str, when: str) -> None:
    """A picture beyond a limit fails with limit and value seen, and no other does, of the same tenant or of another."""
    with pytest.raises(TooExpensive) as caught:
        derive(sandbox, **{when: trap})
    assert caught.value.extra["resource"] == EXPENSIVE[trap]
    assert caught.value.extra["limit"] > 0
    assert caught.value.extra["seen"] > 0
    assert derive(sandbox)
    assert derive(sandbox, "bob")


@pytest.mark.parametrize("when", ["early", "trap"])
def test_a_picture_that_hangs_is_ended(tmp_path: Path, when: str) -> None:
    """A picture that takes no processor time either is too expensive when its time is over."""
    hasty = Allowances(header_seconds=0.5, picture_seconds=0.5)
    with make_sandbox(tmp_path, allowances=hasty) as sandbox:
        with pytest.raises(TooExpensive) as caught:
            derive(sandbox, **{when: "hang"})
        assert caught.value.extra["resource"] == "seconds"
        assert caught.value.extra["seen"] >= 0.5
        assert derive(sandbox)


@pytest.mark.parametrize("code", [kind.code for kind in errors() if issubclass(kind, PictureError)])
def test_our_errors_arrive_as_themselves(sandbox: Sandbox, code: str) -> None:
    """Each PictureError keeps class, words and figures, and its child lives on."""
    before = facts(sandbox)["pid"]
    with pytest.raises(PictureError) as caught:
        derive(sandbox, trap="raise_ours", code=code)
    assert caught.value.code == code
    assert caught.value.detail == "In words."
    assert caught.value.extra == {"limit": 5, "seen": [1, 2]}
    assert facts(sandbox)["pid"] == before


def test_other_errors_of_ours_are_not_believed(sandbox: Sandbox) -> None:
    """A child cannot make its worker believe that something else than its picture is at fault."""
    with pytest.raises(DecodeCrashed):
        derive(sandbox, trap="raise_ours", code="storage_unavailable")


def test_a_full_disk_is_not_the_pictures_fault(sandbox: Sandbox) -> None:
    """Where there is no room for the derivative, the sandbox is said to be away, whatever the encoder made of it."""
    with pytest.raises(SandboxUnavailable) as caught:
        derive(sandbox, trap="fill_the_disk")
    folder = tempfile.gettempdir()
    assert caught.value.detail == (
        f"A picture's file cannot be written in {folder}: No space left on device. "
        "Make room there, or set TMPDIR to another folder."
    )
    assert derive(sandbox)


def test_the_full_disk_is_that_of_the_pictures_file(sandbox: Sandbox, tmp_path: Path) -> None:
    """A file with a name, wherever it lies, is told by its folder."""
    words = f"cannot be written in {tmp_path}: No space left on device. Make room there, or write to another folder"
    with tempfile.TemporaryFile() as source, (tmp_path / "picture.tif").open("w+b") as target:
        source.write(b'{"trap": "fill_the_disk"}')
        source.seek(0)
        with pytest.raises(SandboxUnavailable, match=re.escape(words)):
            sandbox.derive("ann", source, target, ORDER, colorist=flat, admitted=lambda pixels: None)


def test_too_few_files_are_not_the_pictures_fault(sandbox: Sandbox) -> None:
    """A child that can open no more says so, and the next one serves."""
    with pytest.raises(SandboxUnavailable, match=r"Too many open files\. Raise the limit .* `ulimit -n`"):
        derive(sandbox, trap="run_out_of_files")
    assert derive(sandbox)


def test_a_limit_of_40_files_is_enough(tmp_path: Path) -> None:
    """A child keeps a limit that is lower than its own; it cannot be raised."""
    with make_sandbox(tmp_path, rehearsal="tests.worker.sandbox.traps:rehearse_with_40_files") as sandbox:
        assert derive(sandbox)


CHILD_CANNOT_BEGIN = {
    "no file is left": ("rehearse_with_no_files", "Too many open files. Raise the limit"),
    "its own preparation fails": ("fail_in_each_child", "cannot begin: .*no warmth"),
}


@pytest.mark.parametrize("why", CHILD_CANNOT_BEGIN)
def test_a_child_that_cannot_begin_is_no_pictures_fault(tmp_path: Path, why: str) -> None:
    """What goes wrong before a child takes its order is told as what it is, as often as it happens."""
    rehearsal, words = CHILD_CANNOT_BEGIN[why]
    with make_sandbox(tmp_path, rehearsal=f"tests.worker.sandbox.traps:{rehearsal}") as sandbox:
        for _ in range(2):
            with pytest.raises(SandboxUnavailable, match=words):
                derive(sandbox)


def test_a_worker_with_too_few_files_says_so(sandbox: Sandbox) -> None:
    """Where the worker itself has no file left the sandbox is away, and back when there are some again."""
    files = []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(b"{}")
        source.seek(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files() + 20, limits[1]))
        try:
            with suppress(OSError):
                while True:
                    files.append(os.open(os.devnull, os.O_RDONLY))
            with pytest.raises(SandboxUnavailable, match="Too many open files"):
                sandbox.derive("new", source, target, ORDER, colorist=flat, admitted=lambda pixels: None)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for file in files:
                os.close(file)
    assert derive(sandbox)


def test_one_death_is_bad_luck(sandbox: Sandbox, tmp_path: Path) -> None:
    """A picture whose child dies once is made by a fresh one, and nothing of the first try is left in its file."""
    before = facts(sandbox)["pid"]
    heard: list[int] = []
    made = derive(sandbox, trap="die_once", memory=str(tmp_path / "memory"), admitted=heard.append)
    assert made == derive(InPlace())
    assert heard == [1000, 1000]
    assert facts(sandbox)["pid"] != before


def test_a_child_serves_one_tenant(sandbox: Sandbox) -> None:
    """Pictures of one tenant share a child, also where others take turns with it; those of another never do."""
    tenants = ["ann", "bob", "cat", "dan"]
    first, again = ({tenant: facts(sandbox, tenant)["pid"] for tenant in tenants} for _ in range(2))
    assert again == first
    assert len(set(first.values())) == len(tenants)


def test_a_new_tenant_takes_the_place_of_who_was_longest_away(sandbox: Sandbox) -> None:
    """Of four children the least recently used one is ended for the fifth, and its tenant comes back to a fresh one."""
    pids = {tenant: facts(sandbox, tenant)["pid"] for tenant in ("ann", "bob", "cat", "dan")}
    assert facts(sandbox, "ann")["pid"] == pids["ann"]
    eve = facts(sandbox, "eve")["pid"]
    assert reaped(pids.pop("bob"))
    assert {tenant: facts(sandbox, tenant)["pid"] for tenant in pids} == pids
    assert facts(sandbox, "eve")["pid"] == eve
    assert facts(sandbox, "bob")["pid"] not in {eve, *pids.values()}
    assert reaped(pids["ann"])


@pytest.mark.parametrize("trap", ["segfault", "spin", "babble"])
def test_a_death_leaves_the_children_of_others(sandbox: Sandbox, trap: str) -> None:
    """What ends one tenant's child, twice, leaves those of the others alive."""
    pids = {tenant: facts(sandbox, tenant)["pid"] for tenant in ("ann", "bob", "cat", "dan")}
    with pytest.raises(PictureError):
        derive(sandbox, "ann", trap=trap)
    assert not Path(f"/proc/{pids.pop('ann')}").exists()
    assert {tenant: facts(sandbox, tenant)["pid"] for tenant in pids} == pids


def test_a_death_between_pictures_is_no_pictures_try(sandbox: Sandbox, tmp_path: Path) -> None:
    """The picture that finds its tenant's child dead has both of its tries still."""
    before = facts(sandbox)["pid"]
    kill_and_wait(before)
    assert derive(sandbox, trap="die_once", memory=str(tmp_path / "memory")) == derive(InPlace())
    assert not Path(f"/proc/{before}").exists()


def test_each_death_is_told_of_its_own_child(sandbox: Sandbox) -> None:
    """A child that died while it waited is not taken for the one that a picture just killed."""
    bob = facts(sandbox, "bob")["pid"]
    facts(sandbox, "ann")
    kill_and_wait(bob)
    with pytest.raises(DecodeCrashed, match="SIGSEGV"):
        derive(sandbox, "ann", trap="segfault")
    assert facts(sandbox, "bob")["pid"] != bob


def test_a_child_that_died_unnoticed_makes_room(sandbox: Sandbox) -> None:
    """Nothing is left of a child that died while it waited, once its place is needed."""
    pids = [facts(sandbox, tenant)["pid"] for tenant in ("ann", "bob", "cat", "dan")]
    kill_and_wait(pids[0])
    facts(sandbox, "eve")
    assert reaped(pids[0])
    assert all(Path(f"/proc/{pid}").exists() for pid in pids[1:])


def test_a_child_that_holds_much_memory_is_not_kept(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that its picture left with more than a child may hold is ended at once; the others are kept."""
    monkeypatch.setattr("worker.sandbox.family._MAX_HELD_BYTES", 16 << 20)
    bob = facts(sandbox, "bob")["pid"]
    ann = facts(sandbox, "ann")["pid"]
    derive(sandbox, "ann", trap="hoard", megabytes=4)
    assert facts(sandbox, "ann")["pid"] == ann
    derive(sandbox, "ann", trap="hoard", megabytes=32)
    assert not Path(f"/proc/{ann}").exists()
    assert facts(sandbox, "bob")["pid"] == bob


def test_no_child_serves_for_ever(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child is replaced when it has served its number of pictures, of whatever tenant."""
    monkeypatch.setattr("worker.sandbox.family._MAX_PICTURES", 2)
    pids = [facts(sandbox, "zoe")["pid"] for _ in range(5)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 1]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids[:4])


@pytest.mark.parametrize(
    "error", [NetFailed("It said NaN."), RuntimeError("a bug"), TimeoutError(), KeyboardInterrupt()]
)
def test_what_the_net_raises_is_raised(sandbox: Sandbox, error: BaseException) -> None:
    """An exception of the colorist arrives as itself; the child, which waits for an answer, is ended."""
    before = facts(sandbox)["pid"]

    def fail(lightness: np.ndarray, where: Windows) -> np.ndarray:
        raise error

    with pytest.raises(type(error)) as caught:
        derive(sandbox, colorist=fail)
    assert caught.value is error
    assert not Path(f"/proc/{before}").exists()
    assert facts(sandbox)["pid"] != before


def test_what_hears_of_pixels_may_fail(sandbox: Sandbox) -> None:
    """An exception of `admitted` arrives as itself too."""

    def fail(pixels: int) -> None:
        raise PhotochromError(f"{pixels} pixels")

    with pytest.raises(PhotochromError, match="1000 pixels"):
        derive(sandbox, admitted=fail)
    assert derive(sandbox)


LIES = {
    "more pixels than the order admits": {"pixels": 10**6 + 1},
    "lightness that is not of its windows' size": {"lies": "windows"},
    "more windows than any picture has": {"windows": 1000},
    "a size that is none": {"claims": {"width": -5}},
    "more pages than the order admits": {"claims": {"pages": 4}},
    "a tone that there is not": {"claims": {"tone": "<b>"}},
    "a figure that is none": {"claims": {"delta_l": {"maximum": "x", "mean": 0, "p999": 0}}},
    "time that is none": {"claims": {"timings": {"decode": float("nan")}}},
    "warnings that are no words": {"claims": {"warnings": [5]}},
    "an error that brings a book": {"trap": "raise_ours", "code": "corrupt", "book": "x" * 30_000},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_child_is_not_believed_everything(sandbox: Sandbox, lie: str) -> None:
    """What a child says is checked before anybody acts on it, and a child that lies is as good as dead."""
    with pytest.raises(DecodeCrashed, match="nonsense"):
        derive(sandbox, **LIES[lie])
    assert derive(sandbox)


def test_the_net_is_asked_once_a_page(sandbox: Sandbox) -> None:
    """A child that asks more often than a derivative may have pages does not keep the net for itself."""
    order = replace(ORDER, limits=replace(ORDER.limits, max_pages=0))
    with pytest.raises(DecodeCrashed, match="nonsense"):
        derive(sandbox, order=order)


def test_memory_is_limited(sandbox: Sandbox) -> None:
    """A picture that takes all it can get does not get more than its memory."""
    with pytest.raises(TooExpensive) as caught:
        derive(sandbox, trap="grow")
    with pytest.raises(TooExpensive) as least:
        derive(sandbox, trap="grow_at_once")
    assert caught.value.extra["limit"] == MEMORY
    grown = caught.value.extra["seen"] - least.value.extra["seen"]
    # What it reads only, and its stack, are beside that.
    assert MEMORY // 2 < grown < 1.1 * MEMORY


def test_processor_time_is_each_pictures_own(sandbox: Sandbox) -> None:
    """Pictures that keep within their time are made, though a child's time is the sum of theirs; tenants by turns."""
    pids = set()
    for _ in range(3):
        for tenant in ("ann", "bob"):
            derive(sandbox, tenant, trap="burn", seconds=0.6)
            pids.add(facts(sandbox, tenant)["pid"])
    assert len(pids) == 2


def test_a_child_has_what_it_needs_and_no_more(sandbox: Sandbox) -> None:
    """A child has its wire and two files open, cannot gain rights, be traced or dump core, and prints nowhere."""
    told = facts(sandbox)
    # The last is the folder that it lists them from.
    assert told["files"] == [0, 1, 2, 3, 4, 5, 6]
    assert told["standard"] == [os.devnull] * 3
    assert told["core"] == [0, 0]
    assert told["no_new_privileges"] == "1"
    assert told["traceable"] == 0
    assert told["out_of_memory_score"] == "1000"


def test_secrets_stay_with_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither nursery nor child get the worker's environment."""
    monkeypatch.setenv("PHOTOCHROM_SECRET", "open-sesame")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "open-sesame")
    with make_sandbox(tmp_path) as sandbox:
        told = facts(sandbox)
    for environment in (told["environment"], told["nursery_environment"]):
        assert "OPENBLAS_NUM_THREADS" in environment
        assert "open-sesame" not in str(environment)
        assert "PHOTOCHROM" not in str(environment)


def test_a_master_cannot_be_altered(sandbox: Sandbox) -> None:
    """A child reads its master and cannot write to it, though the worker could."""
    made, _ = derive(sandbox, trap="deface")
    assert made.warnings == ("EBADF",)


def test_descriptors_do_not_leak(sandbox: Sandbox) -> None:
    """After 200 pictures of all kinds worker and child have as many files open as before."""

    def many(count: int) -> None:
        for number in range(count):
            derive(sandbox, f"tenant {number // 7 % 3}")
            with pytest.raises(PictureError):
                derive(sandbox, trap="raise_ours", code="corrupt")

    # As many children as are kept.
    many(21)
    gc.collect()
    before = open_files()
    many(100)
    gc.collect()
    assert open_files() == before
    assert len(facts(sandbox)["files"]) == 7


def test_a_nursery_that_dies_is_replaced(sandbox: Sandbox) -> None:
    """The death of the process that children are forked from costs a moment and no picture, in between or amid one."""
    nursery = facts(sandbox)["nursery"]
    kept = [facts(sandbox, tenant)["pid"] for tenant in ("ann", "bob")]
    kill_and_wait(nursery)
    assert all(gone(pid) for pid in kept)
    told = facts(sandbox)
    assert told["nursery"] != nursery
    assert facts(sandbox, "bob")["nursery"] == told["nursery"]
    kills = [told["nursery"]]

    def kill_once(lightness: np.ndarray, where: Windows) -> np.ndarray:
        if kills:
            kill_and_wait(kills.pop())
        return flat(lightness, where)

    assert derive(sandbox, colorist=kill_once) == derive(InPlace())


def test_a_nursery_that_dies_each_time_is_no_pictures_fault(sandbox: Sandbox) -> None:
    """Where the second nursery dies as well the sandbox is said to be away, and works again when it does not."""

    def kill(lightness: np.ndarray, where: Windows) -> np.ndarray:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for child in map(int, children):
            if b"\0worker.sandbox\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                kill_and_wait(child)
        return flat(lightness, where)

    with pytest.raises(SandboxUnavailable, match="twice"):
        derive(sandbox, colorist=kill)
    assert derive(sandbox)


CANNOT_BEGIN = {
    "an entry that is not there": ({"entry": "tests.worker.sandbox.nowhere:derive"}, "No module named"),
    "a rehearsal that fails": ({"rehearsal": "tests.worker.sandbox.traps:fail_to_rehearse"}, "no codec"),
    "a thread that is left": ({"rehearsal": "tests.worker.sandbox.traps:rehearse_with_a_thread"}, "one thread, not 2"),
}


@pytest.mark.parametrize("why", CANNOT_BEGIN)
def test_a_sandbox_that_cannot_begin_says_why(tmp_path: Path, why: str) -> None:
    """What the nursery lacks is no fault of any picture's: it is said in words, in an error that waiting may help."""
    options, words = CANNOT_BEGIN[why]
    with (
        Sandbox(tmp_path, MEMORY, **{"entry": ENTRY, "rehearsal": None, **options}) as sandbox,
        pytest.raises(SandboxUnavailable, match=words),
    ):
        derive(sandbox)


def test_nursery_and_child_prepare_themselves(tmp_path: Path) -> None:
    """The rehearsal is called once, in the nursery; what it returns is called in each child, before its orders."""
    with make_sandbox(tmp_path, rehearsal="tests.worker.sandbox.traps:rehearse") as sandbox:
        for tenant in ("ann", "bob"):
            told = facts(sandbox, tenant)
            assert told["ready"] == [told["nursery"], told["pid"]]
    assert (tmp_path / "rehearsed").exists()


def test_a_closed_sandbox_leaves_no_process(tmp_path: Path) -> None:
    """Nursery and children are gone when the sandbox is closed, and it opens again for the next picture."""
    sandbox = make_sandbox(tmp_path)
    sandbox.start()
    told = facts(sandbox)
    pids = [told["pid"], facts(sandbox, "bob")["pid"], facts(sandbox, "cat")["pid"]]
    sandbox.close()
    assert not Path(f"/proc/{told['nursery']}").exists()
    assert all(gone(pid) for pid in pids)
    assert facts(sandbox)["nursery"] != told["nursery"]
    sandbox.close()


WORKER = """
import sys, threading
from pathlib import Path
from tests.worker.sandbox.test_sandbox import derive, facts, flat, make_sandbox

def tell(lightness, where):
    print(nursery, Path(f"/proc/{nursery}/task/{nursery}/children").read_text(), flush=True)
    return flat(lightness, where)

def work():
    global nursery
    sandbox = make_sandbox(Path(sys.argv[1]))
    nursery = facts(sandbox)["nursery"]
    derive(sandbox, colorist=tell, late="hang")

if sys.argv[2] == "thread":
    threading.Thread(target=work).start()
else:
    work()
"""


@pytest.mark.parametrize("where", ["main", "thread"])
def test_nursery_and_child_die_with_their_worker(tmp_path: Path, where: str) -> None:
    """Nothing is left of a sandbox whose worker is killed, whichever of its threads had started it."""
    command = [sys.executable, "-c", WORKER, str(tmp_path), where]
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}) as worker:
        assert worker.stdout
        pids = [int(pid) for pid in worker.stdout.readline().split()]
        assert len(pids) == 3  # with the child that waits for its tenant
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        worker.kill()
    assert all(gone(pid) for pid in pids)


def test_a_thread_that_ends_leaves_its_sandbox(tmp_path: Path) -> None:
    """A nursery that was started by a thread outlives it."""
    with make_sandbox(tmp_path) as sandbox:
        nurseries: list[int] = []
        thread = threading.Thread(target=lambda: nurseries.append(facts(sandbox)["nursery"]))
        thread.start()
        thread.join()
        assert facts(sandbox)["nursery"] == nurseries[0]


def test_an_order_crosses_whole() -> None:
    """An order is the same after its way through JSON."""
    assert Order.from_json(json.loads(json.dumps(asdict(ORDER)))) == ORDER


def open_files() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def kill_and_wait(pid: int) -> None:
    """Kills a process; when it is gone its children are as good as dead."""
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)


def gone(pid: int) -> bool:
    """Waits until a process that is nobody's child here is gone, or only a name that its new parent has not read."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except OSError:
            return True
        os.sched_yield()
    return False


def reaped(pid: int) -> bool:
    """Waits until nothing is left of a process, not even a name that its parent has not read."""
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > until:
            return False
        os.sched_yield()
    return True


def test_it_is_proved_before_the_first_picture(tmp_path: Path) -> None:
    """A sandbox that can be had proves itself, and colors after that; one whose libraries do not load says so."""
    with make_sandbox(tmp_path) as good:
        good.prove()
        assert facts(good)
    with (
        make_sandbox(tmp_path, rehearsal="no.such:module") as bad,
        pytest.raises(SandboxUnavailable, match="cannot begin"),
    ):
        bad.prove()
