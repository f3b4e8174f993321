"""`photochrom submit --watch`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from photochrom.scans.scan import find
from photochrom.scans.watching import Watch
from tests.house import write_picture
from tests.served import Served


class Room:
    """A watched folder, and time that passes only between two looks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0
        self.said: list[str] = []
        self.done: set[tuple[Path, int, int]] = set()
        self.looks = 0
        #: what happens before a look, by its number
        self.events: dict[int, object] = {}

    def batches(self) -> Iterator[list[str]]:
        """The names that come, batch by batch, until nothing is left to happen."""
        watch = Watch(
            paths=[self.folder],
            find=lambda paths: find(paths, out=None),
            known=lambda path, size, mtime: (path, size, mtime) in self.done,
            quiet=5.0,
            note=self.said.append,
            sleep=self.sleep,
            clock=lambda: self.now,
        )
        for batch in watch.batches():
            self.done |= {(scan.path, scan.path.stat().st_size, scan.path.stat().st_mtime_ns) for scan in batch}
            yield [scan.name for scan in batch]

    def sleep(self, _: float) -> None:
        """Passes two seconds."""
        self.now += 2
        self.looks += 1
        event = self.events.pop(self.looks, None)
        if callable(event):
            event()
        if self.looks > 100:
            raise StopWatching


class StopWatching(Exception):
    """Nothing comes any more."""


def test_a_file_is_complete_once_it_rests(tmp_path: Path) -> None:
    """A file that still grows is waited for; one that changes later comes again; nothing comes twice unchanged."""
    write_picture(tmp_path / "in/a.png")
    growing = write_picture(tmp_path / "in/b.png", seed=1)

    def grow() -> None:
        growing.write_bytes(growing.read_bytes() + b"more")

    room = Room(tmp_path / "in")
    room.events = {1: grow, 2: grow, 30: grow}
    assert list(islice(room.batches(), 3)) == [["a.png"], ["b.png"], ["b.png"]]
    assert room.looks > 30


def test_a_folder_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    """A mount that vanishes is told of once, and its files come when it is back."""
    folder = tmp_path / "in"
    write_picture(folder / "a.png")
    room = Room(folder)
    room.events = {
        5: lambda: folder.rename(tmp_path / "away"),
        9: lambda: (tmp_path / "away").rename(folder),
        10: lambda: write_picture(folder / "b.png"),
    }
    assert list(islice(room.batches(), 2)) == [["a.png"], ["b.png"]]
    assert room.said == [f"{folder} is not there: waiting for it.", f"{folder} is back."]


def test_what_is_put_into_a_watched_folder_comes_back_in_color(served: Served, tmp_path: Path) -> None:
    """Files that come while the command runs are colored; Ctrl-C ends it with a summary; the next run makes no job."""
    scans, out = tmp_path / "scans", tmp_path / "color"
    write_picture(scans / "a.png")
    command = [sys.executable, "-m", "photochrom", "submit", str(scans), "--out", str(out), "--server", served.url]
    options = ["--watch", "--quiet-seconds", "0.1", "--json"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ended: list[str] = []
    for line in process.stdout:
        said = json.loads(line)
        if said["event"] == "ended":
            ended.append(Path(said["path"]).name)
            if len(ended) == 1:
                write_picture(scans / "later/b.png", seed=1)
            else:
                process.send_signal(signal.SIGINT)
        last = said
    assert process.wait(60) == 0
    process.stdout.close()
    assert ended == ["a.png", "b.png"]
    assert last["summary"]["succeeded"] == 2
    assert (out / "later/b_colorized.png").exists()
    again = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert json.loads(again.stdout.splitlines()[-1])["summary"]["jobs"] == []
