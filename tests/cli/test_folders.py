"""What `colorize` finds in folders, and where it puts the results."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.folders import below, count, is_result
from cli.places import Place
from models.files import WEIGHTS
from shared.recipes import resolve
from shared.registry import load_registry
from tests.house import write_picture


def found(*files: Path, out: Path | None = None, skipped: list[Path] | None = None, **wishes: object) -> list[Place]:
    """The places of what is named, and of what lies below it."""
    recipe = resolve(wishes, load_registry(WEIGHTS).digest_of)
    told = [] if skipped is None else skipped
    return list(below(files, out=out, force=False, recipe=recipe, looked=lambda: None, skipped=told.append))


def targets(places: list[Place], top: Path) -> list[str]:
    """Where the first results go, below a folder."""
    return [str(each.targets[0].relative_to(top)) for each in places]


def test_results_lie_beside_their_files_or_at_the_mirrored_place(tmp_path: Path) -> None:
    """Every picture below the folder has one; a folder of the results is made, the folder named has none."""
    box, out = tmp_path / "box", tmp_path / "out"
    for name in ("b.png", "a.jpg", "x/y/a.tif"):
        write_picture(box / name)
    names = ["a_colorized.jpg", "b_colorized.png", "x/y/a_colorized.tif"]
    assert targets(found(box), box) == names
    assert targets(found(box, out=out), out) == names
    assert (out / "x/y").is_dir()
    assert all(place.found and not place.refusal for place in found(box, out=out))


def test_results_are_no_pictures_to_color(tmp_path: Path) -> None:
    """What is called like a result is left out, in any case, as a candidate, by a link; so is the folder of results."""
    write_picture(tmp_path / "a.png")
    for name in ("a_colorized.png", "A_Colorized.png", "a-2_colorized-t0.200.png", "out/b_colorized.png", "out/c.png"):
        write_picture(tmp_path / name)
    (tmp_path / "x").mkdir()
    (tmp_path / "x/link.png").symlink_to(tmp_path / "a_colorized.png")
    assert [place.path.name for place in found(tmp_path, out=tmp_path / "out")] == ["a.png"]
    assert is_result(tmp_path / "x/link.png")
    assert not is_result(tmp_path / "a_colorized-2.png")


def test_what_is_no_picture_is_skipped_unless_it_is_called_like_one(tmp_path: Path) -> None:
    """A text is told of and left; an empty file of a picture's name is a failure; hidden files are nothing."""
    write_picture(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "lost.jpg").touch()
    (tmp_path / ".hidden.jpg").touch()
    skipped: list[Path] = []
    places = found(tmp_path, skipped=skipped)
    assert [(each.path.name, each.refusal) for each in places] == [
        ("a.png", None),
        ("lost.jpg", ("not_a_picture", "It is empty.")),
    ]
    assert skipped == [tmp_path / "notes.txt"]


def test_nothing_is_colored_twice(tmp_path: Path) -> None:
    """A file that is named as well, a folder within another one and a link are found once; the name counts."""
    box = tmp_path / "box"
    photo = write_picture(box / "x/a.png")
    write_picture(box / "b.png")
    (box / "link.png").symlink_to(photo)
    places = found(box, box / "x", photo)
    assert [(str(each.path.relative_to(box)), each.found) for each in places] == [("x/a.png", False), ("b.png", True)]


def test_names_are_settled_in_each_folder_and_between_them(tmp_path: Path) -> None:
    """Files that differ in their extension keep it; those of two folders with one place are numbered."""
    for name in ("p/a.jpg", "p/a.png", "q/a.png"):
        write_picture(tmp_path / name)
    out = tmp_path / "out"
    tiffs = ["a.jpg_colorized.tif", "a.png_colorized.tif", "a_colorized.tif"]
    assert targets(found(tmp_path / "p", tmp_path / "q", out=out, format="tiff"), out) == tiffs
    write_picture(tmp_path / "r/a.png")
    assert targets(found(tmp_path / "q", tmp_path / "r", out=out), out) == ["a_colorized.png", "a-2_colorized.png"]


def test_no_named_file_is_in_the_place_of_a_result(tmp_path: Path) -> None:
    """It is refused to what was found as it is to what was named."""
    write_picture(tmp_path / "a.png")
    other = write_picture(tmp_path / "a_colorized.png")
    refusals = [place.refusal and place.refusal[0] for place in found(tmp_path, other)]
    assert refusals == [None, "output_is_master"]


def test_a_folder_of_results_that_cannot_be_made_fails_its_files_only(tmp_path: Path) -> None:
    """The folder is named, and the other files have their place."""
    for name in ("a.png", "x/b.png"):
        write_picture(tmp_path / "box" / name)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/x").touch()
    first, second = found(tmp_path / "box", out=tmp_path / "out")
    assert first.refusal is None
    assert second.refusal == ("file_error", f"{tmp_path / 'out/x'}: File exists")


def test_what_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    """A link that leads nowhere is told of; what comes behind it is found."""
    (tmp_path / "a.png").symlink_to(tmp_path / "none")
    write_picture(tmp_path / "x/b.png")
    assert [(each.path.name, each.refusal) for each in found(tmp_path)] == [
        ("a.png", ("file_error", "No such file or directory")),
        ("b.png", None),
    ]


def test_a_folder_is_counted_by_names(tmp_path: Path) -> None:
    """No file is opened: what is called like a picture counts, and results do not."""
    for name in ("a.png", "b.TIF", "a_colorized.png", "c.txt", "out/d.png", ".e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert count([tmp_path], out=tmp_path / "out") == 2


@pytest.mark.parametrize("paths", [1, 2])
def test_places_come_folder_by_folder(tmp_path: Path, paths: int) -> None:
    """The first folder's places are there before the second one is looked at."""
    folders = [tmp_path / "box"] if paths == 1 else [tmp_path / "box/x", tmp_path / "box/y"]
    for name in ("x/a.png", "y/b.png"):
        write_picture(tmp_path / "box" / name)
    recipe = resolve({}, load_registry(WEIGHTS).digest_of)
    looked: list[None] = []
    places = below(
        folders, out=None, force=False, recipe=recipe, looked=lambda: looked.append(None), skipped=lambda path: None
    )
    assert next(places).path.name == "a.png"
    assert len(looked) == 1
    assert next(places).path.name == "b.png"


def test_what_is_there_already_needs_no_folder_to_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that takes nothing is in the way of what has no result yet, and of that alone."""
    for name in ("a.png", "a_colorized.png", "b.png"):
        write_picture(tmp_path / name)
    monkeypatch.setattr("cli.places.os.access", lambda path, mode: False)
    assert [place.refusal and place.refusal[0] for place in found(tmp_path)] == [None, "file_error"]
