"""What `colorize` says while it works."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from cli.color_display import ColorDisplay
from cli.coloring import Done
from photochrom.commands.options import Unusable

ODD = "a\nb\x1b[31m\udcff.jpg"


def test_a_name_breaks_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Line ends, escapes and bytes that are no UTF-8 are spelled out, for people and in JSON."""
    done = Done(path=ODD, state="failed", code="truncated", detail="It ends early.")
    for as_json in (False, True):
        with ColorDisplay(1, as_json=as_json, bar=False) as display:
            display.ended(done)
    told = capsys.readouterr()
    assert told.err == "a\\nb\\x1b[31m\\udcff.jpg: It ends early. [truncated]\n"
    assert json.loads(told.out)["path"] == ODD


def test_a_poor_terminal_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an encoding lacks is spelled out too; a stream that was closed takes nothing."""
    bytes_ = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(bytes_, encoding="latin-1"))
    monkeypatch.setattr(sys, "stderr", None)
    with ColorDisplay(2, as_json=False, bar=False, console=Console(file=io.StringIO())) as display:
        display.ended(Done(path="\u6f22\u00fc.jpg", state="succeeded", output="x.jpg"))
        display.note("words")
    assert bytes_.getvalue() == b"\\u6f22\xfc.jpg -> x.jpg\n"


def test_the_bar_fits_into_40_columns_below_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file has a line of its own above the bar, which is gone at the end."""
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=40, color_system=None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with ColorDisplay(10_000, as_json=False, bar=True, console=console) as display:
        for number in range(3):
            display.ended(Done(path=f"{number}.jpg", state="succeeded", output=f"{number}_colorized.jpg"))
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[\??[\d;]*[A-Za-z]", "", drawn.getvalue()))
    assert [line for line in lines if "->" in line] == [f"{n}.jpg -> {n}_colorized.jpg" for n in range(3)]
    assert max(map(len, lines)) <= 40
    assert any(re.fullmatch(r"Coloring .* 3/10000 \S+", line) for line in lines)


def test_an_end_of_room_for_words_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard output goes to a full disk the run ends with words, and not with a traceback."""
    display = ColorDisplay(1, as_json=True, bar=False)
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(full, write_through=True))  # type: ignore[type-var]
        with pytest.raises(Unusable, match="No space left"):
            display.ended(Done(path="a.jpg", state="succeeded", output="b.jpg"))


@pytest.mark.parametrize("ended", [False, True])
def test_looking_is_told_until_the_first_file_has_ended(ended: bool) -> None:
    """A large folder is looked at for a while, and counted beside that; what is skipped is no end."""
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=40, color_system=None)
    with ColorDisplay(None, as_json=False, bar=True, console=console) as display:
        for _ in range(100_000):
            display.looked()
        display.skipped(Path("notes.txt"))
        display.expect(100_000)
        if ended:
            display.ended(Done(path="0.jpg", state="existing", output="0_colorized.jpg"))
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[\??[\d;]*[A-Za-z]", "", drawn.getvalue()))
    last = r"Coloring .* 1/100000 \S+ *" if ended else r"Looking .* 100000/100000 \S+ *"
    assert any(re.fullmatch(last, line) for line in lines)
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize(
    ("states", "line"),
    [
        (["succeeded"], "1 colored."),
        (["succeeded"] * 1200 + ["existing", "failed", "skipped"], "1,200 colored, 1 there already, 1 failed, 1 other"),
        ([], "No picture was found."),
        (["skipped"] * 2, "No picture was found, 2 other files skipped."),
    ],
)
def test_the_end_says_how_many_came_to_what(states: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line on standard error; files that are there already or skipped have none of their own."""
    with ColorDisplay(None, as_json=False, bar=False) as display:
        for state in states:
            display.ended(Done(path="a.jpg", state=state, output=None if state == "failed" else "b.jpg"))
        display.end()
    told = capsys.readouterr()
    assert told.err.splitlines()[-1].startswith(line)
    assert told.out.count("->") == states.count("succeeded")


def test_the_end_breaks_no_word_on_a_terminal() -> None:
    """The line is broken between words where it does not fit."""
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=40, color_system=None)
    display = ColorDisplay(None, as_json=False, bar=False, console=console)
    for state in ["existing", "failed", "skipped", "skipped"] * 400:
        display.ended(Done(path="a.jpg", state=state))
    display.end()
    assert drawn.getvalue() == "400 there already, 400 failed, 800 other\nfiles skipped.\n"
