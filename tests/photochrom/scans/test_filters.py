"""Which files a person's patterns take, and how folders are walked."""

from __future__ import annotations

import os
import string
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom.scans.filters import EVERYTHING, Filters, Pattern
from photochrom.scans.scan import find, walk
from tests.house import write_picture

NAME = st.text(string.ascii_letters + string.digits + " .-_[]*?é", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("*.tif", ("a.tif", "box/a.tif"), ("a.TIF", "a.tiff", "a.tif/b.png")),
        ("box/*.tif", ("box/a.tif",), ("a.tif", "box/deep/a.tif", "other/box/a.tif")),
        ("box/**", ("box/a.tif", "box/deep/a.tif"), ("a.tif", "boxes/a.tif")),
        ("**/a.tif", ("a.tif", "box/a.tif", "box/deep/a.tif"), ("box/ba.tif",)),
        ("box/**/a.tif", ("box/a.tif", "box/x/y/a.tif"), ("a.tif",)),
        ("page-00[1-3]?.tif", ("page-0012.tif",), ("page-0042.tif", "page-001.tif")),
        ("[!a]*.tif", ("b.tif",), ("a.tif",)),
        ("a.b", ("a.b",), ("axb",)),
        ("[]x].tif", ("].tif", "x.tif"), ("y.tif",)),
        ("[a].tif", ("a.tif",), ("[a].tif",)),
        ("x[/]y/*", (), ("x/y/a",)),
    ],
)
def test_patterns_are_what_people_know(pattern: str, taken: tuple[str, ...], left: tuple[str, ...]) -> None:
    """`*` stays in a name, `**` crosses folders, a bare pattern looks at names at any depth, case counts."""
    compiled = Pattern(pattern)
    assert [path for path in taken if not compiled.matches(path)] == []
    assert [path for path in left if compiled.matches(path)] == []


@given(st.lists(NAME, min_size=1, max_size=4))
def test_whatever_is_typed_is_a_pattern_or_a_word_about_it(names: list[str]) -> None:
    """No text breaks the matcher, and `**` takes every path."""
    path = "/".join(names)
    assert Pattern("**").matches(path)
    assert Pattern("**/*").matches(path)
    try:
        pattern = Pattern(path)
    except ValueError as error:
        assert "no pattern" in str(error)  # noqa: PT017 - either is right
    else:
        if not set(path) & set("[]*?"):
            assert pattern.matches(path)


def test_an_empty_pattern_is_refused() -> None:
    """A pattern that names nothing is a mistake of typing."""
    with pytest.raises(ValueError, match="no pattern"):
        Filters.of(include=["/"])


def test_exclusion_beats_inclusion_and_prunes() -> None:
    """A scan is taken if an include fits, or there is none, and no exclude fits it or a folder above it."""
    filters = Filters.of(include=["*.tif"], exclude=["drafts", "box/b.tif"])
    assert filters.reaches("box/a.tif")
    assert not filters.reaches("box/b.tif")
    assert not filters.reaches("box/a.png")
    assert not filters.reaches("drafts/a.tif")
    assert not filters.reaches("x/drafts/deep/a.tif")
    assert not filters.enters("x/drafts")


def test_litter_is_left_out(tmp_path: Path) -> None:
    """Hidden files and folders, thumbnails of Windows and of storage boxes, and OUT are not walked."""
    for path in ("a.png", "box/b.png", ".git/x.png", "@eaDir/a.png", "out/o.png", "box/.b.png"):
        write_picture(tmp_path / path)
    for path in ("Thumbs.db", "box/.DS_Store", "desktop.ini"):
        (tmp_path / path).write_bytes(b"\xff\xd8\xff")
    assert [scan.name for scan in find([tmp_path], out=tmp_path / "out")] == ["a.png", "box/b.png"]


def test_links_neither_loop_nor_double(tmp_path: Path) -> None:
    """Links to folders are not followed; a link to a file is found once, under the file's own name where it has one."""
    write_picture(tmp_path / "in" / "box" / "a.png")
    write_picture(tmp_path / "elsewhere.png")
    (tmp_path / "in" / "box" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self").symlink_to("self")
    (tmp_path / "in" / "alias.png").symlink_to(tmp_path / "in" / "box" / "a.png")
    (tmp_path / "in" / "one.png").symlink_to(tmp_path / "elsewhere.png")
    (tmp_path / "in" / "two.png").symlink_to(tmp_path / "elsewhere.png")
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    told: list[str] = []
    names = [
        scan.name
        for scan in find(
            [tmp_path / "in"], out=None, unreadable=lambda path, error: told.append(f"{path.name}: {error}")
        )
    ]
    assert names == ["one.png", "box/a.png"]
    assert sorted(line.split(":")[0] for line in told) == ["gone.png", "self"]


def test_folders_that_overlap_are_walked_once_each(tmp_path: Path) -> None:
    """A file below two of the folders is found in the first; a hidden folder that is named is walked."""
    for path in ("a.png", "box/b.png", ".hidden/c.png"):
        write_picture(tmp_path / path)
    paths = [tmp_path / "box" / "b.png", tmp_path, tmp_path / "box", tmp_path / ".hidden", tmp_path]
    assert [scan.name for scan in find(paths, out=None)] == ["b.png", "a.png", "c.png"]
    assert [scan.name for scan in find([tmp_path / "box", tmp_path], out=None)] == ["b.png", "a.png"]


def test_files_that_are_named_obey_the_patterns(tmp_path: Path) -> None:
    """A file on the command line is filtered by its name; one that is hidden was meant."""
    for path in ("a.png", "b.jpg", ".c.png"):
        write_picture(tmp_path / path) if path != ".c.png" else (tmp_path / path).write_bytes(b"\x89PNG\r\n\x1a\n")
    paths = [tmp_path / name for name in ("a.png", "b.jpg", ".c.png")]
    assert [scan.name for scan in find(paths, out=None, filters=Filters.of(["*.png"]))] == ["a.png", ".c.png"]


@pytest.mark.skipif(os.geteuid() != 0, reason="the user must be able to become nobody")
def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """An unreadable folder and an unreadable file are told of, and the others are found."""
    write_picture(tmp_path / "a.png")
    write_picture(tmp_path / "shut" / "b.png")
    write_picture(tmp_path / "locked.png")
    (tmp_path / "shut").chmod(0)
    (tmp_path / "locked.png").chmod(0)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    told: list[str] = []
    pid = os.fork()
    if pid == 0:  # a child that is nobody, since root reads everything
        os.setuid(65534)
        names = [scan.name for scan in find([tmp_path], out=None, unreadable=lambda path, _: told.append(path.name))]
        os._exit(0 if names == ["a.png"] and sorted(told) == ["locked.png", "shut"] else 1)
    _, status = os.waitpid(pid, 0)
    (tmp_path / "shut").chmod(0o700)
    assert status == 0


def test_a_name_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    """A name that neither JSON nor CSV can say is told of, and stops nothing."""
    write_picture(tmp_path / "a.png")
    (tmp_path / os.fsdecode(b"b\xff.png")).write_bytes(b"\x89PNG\r\n\x1a\n")
    told: list[str] = []
    names = [scan.name for scan in find([tmp_path], out=None, unreadable=lambda _, error: told.append(str(error)))]
    assert names == ["a.png"]
    assert "UTF-8" in told[0]


def test_pipes_are_no_scans(tmp_path: Path) -> None:
    """A named pipe would be read for ever."""
    os.mkfifo(tmp_path / "a.png")
    assert list(find([tmp_path], out=None)) == []


def test_a_walk_is_sorted_and_keeps_nothing(tmp_path: Path) -> None:
    """Files come sorted, a folder's own first; while it goes on, no more than a folder's names are held."""
    for folder in range(40):
        (tmp_path / f"f{folder:02}").mkdir()
        for number in range(50):
            (tmp_path / f"f{folder:02}" / f"{number:03}.tif").touch()
    files = walk(tmp_path, out=None, filters=EVERYTHING, unreadable=lambda path, error: None)
    first = next(files)
    frame = files.gi_frame  # type: ignore[attr-defined]
    assert sum(map(len, (value for value in frame.f_locals.values() if isinstance(value, list)))) < 120
    names = [first, *files]
    assert len(names) == 2000
    assert all(one < other for one, other in pairwise(names))
    assert sys.getsizeof(names[0]) < 200
