"""Pulling from mirrors that are slow, lie, die half-way, or send something else. Nothing wrong gets a final name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import requests

from cli import models_folder
from cli.fetching import MirrorFailed, Patience, _translated, fetch
from cli.parts import Part
from cli.pulling import Pulled, pull
from shared.errors import Misconfigured, ModelDamaged, ModelNotFetched, NotAModel
from shared.registry import Model, ModelFile, shipped
from tests.cli import mirrors
from tests.cli.mirrors import Mirror, deaf, dying, good, moved, raw, silent, trickling

DATA = b"\x0a\x06eccv16" + bytes(range(256)) * 400
OTHER = DATA[:-1] + b"!"
PAGE = b"<!DOCTYPE html><title>Sorry</title>" + b" " * 600
#: A whole number of what is read at once.
HALF = 32_768
PATIENCE = Patience(connect=2, silence=0.5)


@dataclass
class Notes:
    """What a person would have seen."""

    said: list[str] = field(default_factory=list)
    begun: list[tuple[int, int | None]] = field(default_factory=list)
    advanced: int = 0

    def begin(self, done: int, total: int | None) -> None:
        self.begun.append((done, total))

    def advance(self, count: int) -> None:
        self.advanced += count

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """A mirror that does as it is told."""
    with mirrors.running() as server:
        yield server


def model(*addresses: str, data: bytes = DATA) -> Model:
    """A model whose file has known size and digest, and these mirrors."""
    digest = hashlib.sha256(data).hexdigest()
    file = ModelFile(name="net.caffemodel", size=len(data), sha256=digest, mirrors=addresses)
    return replace(shipped().named("eccv16"), name="net", digest=digest, files=(file,))


def fetched(wanted: Model, folder: Path, notes: Notes | None = None) -> Pulled:
    """Pulls with little patience."""
    return pull(wanted, folder, source=None, patience=PATIENCE, display=notes or Notes())


def failure(wanted: Model, folder: Path, error: type[Exception] = ModelNotFetched) -> str:
    """Returns the words of a pull that fails, after a look that nothing got a final name."""
    with pytest.raises(error) as caught:
        fetched(wanted, folder)
    assert not (folder / "net.caffemodel").exists()
    return str(caught.value)


def test_a_good_mirror_gives_the_file_once(mirror: Mirror, tmp_path: Path) -> None:
    """The file gets its name with its bytes; the second pull asks nobody."""
    wanted, notes = model(mirror.tell("/a", good(DATA))), Notes()
    assert fetched(wanted, tmp_path, notes) is Pulled.FETCHED
    assert (tmp_path / "net.caffemodel").read_bytes() == DATA
    assert (notes.begun, notes.advanced) == ([(0, len(DATA))], len(DATA))
    assert fetched(wanted, tmp_path) is Pulled.ALREADY
    assert mirror.asked == [("/a", None)]
    assert list((tmp_path / ".incoming").iterdir()) == []


def test_slow_is_not_silent(mirror: Mirror, tmp_path: Path) -> None:
    """A mirror that trickles for longer than the patience with silence is waited for."""
    wanted = model(mirror.tell("/a", trickling(DATA, pieces=12, seconds=0.06)))
    assert fetched(wanted, tmp_path) is Pulled.FETCHED


def test_silence_ends_it_and_the_next_pull_goes_on(mirror: Mirror, tmp_path: Path) -> None:
    """A mirror that goes silent is left; what came is kept, and the next pull asks for the rest alone."""
    words = failure(model(mirror.tell("/a", silent(DATA[:HALF], len(DATA)))), tmp_path)
    assert "went silent for 0.5 s, after 32,768 bytes" in words
    assert "32,768 bytes are kept" in words
    notes = Notes()
    assert fetched(model(mirror.tell("/b", good(DATA))), tmp_path, notes) is Pulled.FETCHED
    assert mirror.asked[-1] == ("/b", f"bytes={HALF}-")
    assert notes.begun == [(HALF, len(DATA))]
    assert (tmp_path / "net.caffemodel").read_bytes() == DATA


def test_a_mirror_that_dies_half_way_is_asked_to_go_on(mirror: Mirror, tmp_path: Path) -> None:
    """The same pull goes on where the mirror hung up."""
    notes = Notes()
    wanted = model(mirror.tell("/a", dying(DATA, HALF, then=good(DATA))))
    assert fetched(wanted, tmp_path, notes) is Pulled.FETCHED
    assert mirror.asked == [("/a", None), ("/a", "bytes=32768-")]
    assert f"127.0.0.1 hung up after 32,768 of {len(DATA):,} bytes: going on from there" in notes.said[1]


def test_a_mirror_that_ignores_range_sends_all_anew(mirror: Mirror, tmp_path: Path) -> None:
    """A whole file in answer to a question for the rest replaces what was there."""
    wanted = model(mirror.tell("/a", dying(DATA, HALF, then=deaf(DATA))))
    assert fetched(wanted, tmp_path) is Pulled.FETCHED
    assert (tmp_path / "net.caffemodel").read_bytes() == DATA


def test_parts_of_two_files_are_told_by_the_digest(mirror: Mirror, tmp_path: Path) -> None:
    """Where what was kept does not fit what came, the file is fetched once more as a whole."""
    failure(model(mirror.tell("/a", silent(b"\x0a" + bytes(HALF - 1), len(DATA)))), tmp_path)
    assert fetched(model(mirror.tell("/b", good(DATA))), tmp_path) is Pulled.FETCHED
    assert mirror.asked[-2:] == [("/b", f"bytes={HALF}-"), ("/b", None)]


def test_a_file_that_changed_is_fetched_anew(mirror: Mirror, tmp_path: Path) -> None:
    """With a digest that nobody knows only the mirror's own tag lets a part go on (If-Range)."""
    part = Part(path=tmp_path / "part", size=None, proved=False)
    address = mirror.tell("/a", dying(OTHER, HALF, then=good(DATA, tag='"new"'), tag='"old"'))
    with pytest.raises(MirrorFailed, match="hung up after 32,768"):
        fetch(address, part, patience=PATIENCE, progress=Notes())
    fetch(address, part, patience=PATIENCE, progress=Notes())
    assert mirror.asked[-1] == ("/a", f"bytes={HALF}-")
    assert part.path.read_bytes() == DATA
    # Without a tag nothing is asked to go on.
    part.remove()
    address = mirror.tell("/c", dying(OTHER, HALF, then=good(DATA)))
    with pytest.raises(MirrorFailed):
        fetch(address, part, patience=PATIENCE, progress=Notes())
    fetch(address, part, patience=PATIENCE, progress=Notes())
    assert mirror.asked[-1] == ("/c", None)
    assert part.path.read_bytes() == DATA


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(raw(DATA[:900], length=900), "offers a file of 900 bytes", id="truncated, and says so"),
        pytest.param(raw(DATA[:900]), "ended after 900 of", id="truncated, without a length"),
        pytest.param(raw(DATA[:900], length=len(DATA)), "hung up after 0 of", id="a length that is too large"),
        pytest.param(raw(DATA, length=len(DATA) - 5), "offers a file of", id="a length that is too small"),
        pytest.param(raw(DATA + b"more"), f"sends more than {len(DATA):,} bytes", id="too long, without a length"),
        pytest.param(good(OTHER), "has the SHA-256", id="a forged file of the right size"),
        pytest.param(raw(PAGE, kind="text/html; charset=utf-8"), "is a web page", id="a page that says so"),
        pytest.param(raw(PAGE.ljust(len(DATA)), length=len(DATA)), "is a web page", id="a page of the right size"),
        pytest.param(raw(b"version https://git-lfs.github.com/spec/v1\n".ljust(600)), "Git LFS", id="a pointer"),
        pytest.param(raw(b"no", status=404), "answers 404 Not Found", id="gone"),
        pytest.param(raw(b"no", status=500), "answers 500", id="broken"),
        pytest.param(raw(b"", status=204), "answers 204", id="nothing"),
    ],
)
def test_a_wrong_file_never_becomes_a_model(mirror: Mirror, tmp_path: Path, answer: mirrors.Answer, words: str) -> None:
    """Whatever is wrong with what a mirror sends is said, and the next pull can still succeed."""
    told = failure(model(mirror.tell("/a", answer)), tmp_path)
    assert words in told
    assert f"{mirror.url}/a" in told
    assert "photochrom models pull net --from FILE" in told
    assert fetched(model(mirror.tell("/a", good(DATA))), tmp_path) is Pulled.FETCHED
    assert (tmp_path / "net.caffemodel").read_bytes() == DATA


def test_a_wrong_file_is_deleted_and_not_resumed(mirror: Mirror, tmp_path: Path) -> None:
    """After a file with a wrong digest the next pull begins at the beginning."""
    failure(model(mirror.tell("/a", good(OTHER))), tmp_path)
    assert list((tmp_path / ".incoming").iterdir()) == []
    fetched(model(mirror.tell("/a", good(DATA))), tmp_path)
    assert mirror.asked[-1] == ("/a", None)


def test_mirrors_are_asked_in_turn(mirror: Mirror, tmp_path: Path) -> None:
    """A mirror that refuses, one that is gone and one that lies are passed over; a redirect is followed."""
    mirror.tell("/file", good(DATA))
    wanted = model(
        mirrors.unused(),
        mirror.tell("/gone", raw(b"", status=404)),
        mirror.tell("/forged", good(OTHER)),
        mirror.tell("/moved", moved("/file")),
    )
    notes = Notes()
    assert fetched(wanted, tmp_path, notes) is Pulled.FETCHED
    assert [path for path, _ in mirror.asked] == ["/gone", "/forged", "/moved", "/file"]
    assert any("cannot be reached (Connection refused)" in line or "Connection refused" in line for line in notes.said)


def test_where_all_fail_each_is_told_of(mirror: Mirror, tmp_path: Path) -> None:
    """The error names each address with what it said, and the way by a browser."""
    refusing = mirrors.unused()
    loop = mirror.tell("/loop", moved("/loop"))
    wanted = model(refusing, mirror.tell("/gone", raw(b"", status=404)), loop, "http://nowhere.invalid/net")
    told = failure(wanted, tmp_path)
    for line in (
        rf"{refusing}\n    cannot be reached \(.*Connection refused\)",
        rf"{mirror.url}/gone\n    answers 404 Not Found",
        rf"{loop}\n    redirects without end",
        r"http://nowhere\.invalid/net\n    has a name that cannot be resolved \(DNS\)",
    ):
        assert re.search(line, told), told
    assert "photochrom models pull net --from FILE" in told


def test_a_file_by_hand(tmp_path: Path) -> None:
    """The right file is taken; another, half of it, and a saved web page are refused by name."""
    folder, wanted = tmp_path / "models", model("http://nowhere.invalid/net")
    source = tmp_path / "download.bin"
    for data, error, words in (
        (OTHER, ModelDamaged, "has the SHA-256"),
        (DATA[:100], ModelDamaged, "has 100 bytes"),
        (PAGE, NotAModel, "is a web page, not a model: the link has probably expired"),
    ):
        source.write_bytes(data)
        with pytest.raises(error, match=words):
            pull(wanted, folder, source=source, patience=PATIENCE, display=Notes())
        assert [path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock"] == []
    source.write_bytes(DATA)
    assert pull(wanted, folder, source=source, patience=PATIENCE, display=Notes()) is Pulled.FETCHED
    assert (folder / "net.caffemodel").read_bytes() == DATA


def test_a_damaged_file_is_replaced(mirror: Mirror, tmp_path: Path) -> None:
    """A file that has the name but not the digest is fetched again, and stays until the right one is there."""
    (tmp_path / "net.caffemodel").write_bytes(OTHER)
    with pytest.raises(ModelNotFetched):
        fetched(model(mirror.tell("/a", raw(b"", status=500))), tmp_path)
    assert (tmp_path / "net.caffemodel").read_bytes() == OTHER
    assert fetched(model(mirror.tell("/a", good(DATA))), tmp_path) is Pulled.FETCHED
    assert (tmp_path / "net.caffemodel").read_bytes() == DATA


def test_room_is_asked_for_first(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room on the disk no byte is fetched."""
    monkeypatch.setattr(models_folder, "_MARGIN", 1 << 60)
    assert "MB free" in failure(model(mirror.tell("/a", good(DATA))), tmp_path, Misconfigured)
    assert mirror.asked == []


def test_one_command_at_a_time_and_a_folder_that_can_be_written(tmp_path: Path) -> None:
    """A second command is refused while one is at work; so is a folder that cannot be made."""
    with models_folder.opened(tmp_path):
        assert "at work" in failure(model("http://nowhere.invalid/net"), tmp_path, Misconfigured)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Misconfigured, match="Not a directory"):
        fetched(model("http://nowhere.invalid/net"), tmp_path / "file/models")


def test_every_error_of_the_library_becomes_words(tmp_path: Path) -> None:
    """Whatever requests raises of its own leaves the adapter as MirrorFailed."""
    part = Part(path=tmp_path / "part", size=None, proved=False)
    kinds = [kind for kind in vars(requests.exceptions).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, requests.RequestException):
            with pytest.raises(MirrorFailed), _translated(part, PATIENCE):
                raise kind.__new__(kind)
