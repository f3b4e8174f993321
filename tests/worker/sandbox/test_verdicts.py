"""Verdicts: each way to lose a child, what it means, and whether the picture is tried once more."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from shared.errors import DecodeCrashed, TooExpensive
from worker.sandbox.allowances import Allowances
from worker.sandbox.child import OUT_OF_MEMORY
from worker.sandbox.conversation import Watch
from worker.sandbox.verdicts import Circumstances, Fate, Loss, judge

HERE = Circumstances(
    allowances=Allowances(),
    memory_bytes=1 << 30,
    pixels=12_000_000,
    seconds=133.0,
    cpu_before=100.0,
    file_bytes=170_000_000,
    used=False,
    tries=1,
)
DEAD = Fate(exit_code=0, killed=False, cpu_seconds=172.5, peak_bytes=3 << 30)


def died(exit_code: int) -> Fate:
    """A child that ended so by itself."""
    return replace(DEAD, exit_code=exit_code)


KILLED = replace(DEAD, exit_code=-signal.SIGKILL, killed=True)

#: loss, fate -> verdict of the first try in a fresh child, of that in a used one, of the second try
CASES = {
    "its time was over": (Loss.LATE, KILLED, TooExpensive, TooExpensive, TooExpensive),
    "too much processor time": (Loss.SILENT, died(-signal.SIGXCPU), TooExpensive, TooExpensive, TooExpensive),
    "too large a file": (Loss.SILENT, died(-signal.SIGXFSZ), TooExpensive, TooExpensive, TooExpensive),
    "memory, which others may have used up": (Loss.SILENT, died(OUT_OF_MEMORY), TooExpensive, None, TooExpensive),
    "the kernel's kill may have met the wrong one": (Loss.SILENT, died(-signal.SIGKILL), None, None, TooExpensive),
    "a crash may be bad luck": (Loss.SILENT, died(-signal.SIGSEGV), None, None, DecodeCrashed),
    "a signal without a name": (Loss.SILENT, died(-40), None, None, DecodeCrashed),
    "an end that nobody asked for": (Loss.SILENT, died(0), None, None, DecodeCrashed),
    "hung up and lives on": (Loss.SILENT, KILLED, None, None, DecodeCrashed),
    "nonsense": (Loss.GARBLED, KILLED, None, None, DecodeCrashed),
    "a bug": (Loss.BUG, died(70), None, None, DecodeCrashed),
}


@pytest.mark.parametrize("case", CASES)
def test_each_loss_has_its_verdict(case: str) -> None:
    """What a limit ended is too expensive, other deaths count the second time, memory in a used child too."""
    loss, fate, fresh, used, second = CASES[case]
    found = [
        judge(loss, fate, here)
        for here in (HERE, replace(HERE, used=True), replace(HERE, tries=2), replace(HERE, tries=2, used=True))
    ]
    assert [type(error) if error else None for error in found] == [fresh, used, second, second]


FIGURES = {
    "seconds": (Loss.LATE, KILLED, 132, 133.0),
    "cpu_seconds": (Loss.SILENT, died(-signal.SIGXCPU), 72, 72.5),
    "file_bytes": (Loss.SILENT, died(-signal.SIGXFSZ), (64 << 20) + 105_600_000, 170_000_000),
    "memory_bytes": (Loss.SILENT, died(OUT_OF_MEMORY), 1 << 30, 3 << 30),
}


@pytest.mark.parametrize("resource", FIGURES)
def test_a_verdict_has_limit_and_value(resource: str) -> None:
    """What was too much is told in figures, of which the limit stands in the words as well."""
    loss, fate, limit, seen = FIGURES[resource]
    error = judge(loss, fate, HERE)
    assert error
    assert error.extra == {"resource": resource, "limit": limit, "seen": seen}
    assert f"{limit >> 20 if resource == 'memory_bytes' else limit:,}" in error.detail


def test_headers_have_limits_of_their_own() -> None:
    """Before the pixels are known the small allowance counts."""
    error = judge(Loss.LATE, KILLED, replace(HERE, pixels=None))
    assert error
    assert error.extra["limit"] == 60
    assert "headers" in error.detail


def test_the_nets_time_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes while a watch is paused is added to its end; the headers' time is not taken from the picture's."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    watch = Watch(Allowances())
    assert watch.until == 1060
    now[0] += 50
    watch.admit(2_000_000)
    assert watch.until == 1050 + 122
    with watch.paused():
        now[0] += 500
    assert watch.until == 1550 + 122
    now[0] += 7
    assert watch.seconds == 7
