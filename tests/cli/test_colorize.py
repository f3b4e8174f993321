"""`photochrom colorize`, here and now."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cli.places import Place
from photochrom.command import main
from photochrom.files.folders import make_folder
from tests.house import picture, write_picture


def run(*arguments: object) -> Result:
    """Runs the command in this process."""
    return CliRunner().invoke(main, ["colorize", *map(str, arguments)], catch_exceptions=False)


def test_a_photo_gets_a_color_picture_beside_it(tmp_path: Path) -> None:
    """`old.jpg` gives `old_colorized.jpg`; a second run leaves it unless it is forced."""
    photo = write_picture(tmp_path / "old.jpg")
    first = run(photo)
    assert first.exit_code == 0
    result = tmp_path / "old_colorized.jpg"
    with Image.open(result) as color:
        assert color.mode == "RGB"
    before = result.read_bytes()
    again = run(photo)
    assert again.exit_code == 1
    assert "output_exists" in again.stderr
    assert run(photo, "--force", "--chroma-gain", 0.2).exit_code == 0
    assert result.read_bytes() != before


def test_candidates_lie_beside_each_other(tmp_path: Path) -> None:
    """The first candidate has the plain name, the others their temperature in theirs; each is what it is alone."""
    photo = write_picture(tmp_path / "old.png")
    result = run(photo, "--candidates", "0.7,0.2", "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0
    line = json.loads(result.stdout)
    names = ["old_colorized.png", "old_colorized-t0.200.png"]
    assert [Path(candidate["output"]).name for candidate in line["candidates"]] == names
    assert line["output"] == line["candidates"][0]["output"]
    assert 0 < line["uncertainty"]["mean"] < line["uncertainty"]["p95"] < 1
    for name, temperature in zip(names, (0.7, 0.2), strict=True):
        assert run(photo, "--temperature", temperature, "-o", tmp_path / str(temperature)).exit_code == 0
        alone = tmp_path / str(temperature) / "old_colorized.png"
        assert (tmp_path / "out" / name).read_bytes() == alone.read_bytes()
    (tmp_path / "out" / names[0]).unlink()
    assert "output_exists" in run(photo, "--candidates", "0.7,0.2", "-o", tmp_path / "out").stderr


def test_one_bad_file_does_not_stop_the_run(tmp_path: Path) -> None:
    """Each bad file is named with its code; the others are colored; exit status 1."""
    good = write_picture(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(good.read_bytes()[:120])
    (tmp_path / "text.jpg").write_text("text")
    result = run(tmp_path / "bad.png", tmp_path / "text.jpg", good, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["state"] for line in lines] == ["failed", "failed", "succeeded"]
    assert lines[1]["code"] == "not_a_picture"
    assert (tmp_path / "out" / "good_colorized.png").exists()


def test_usage_is_explained(tmp_path: Path) -> None:
    """A bad recipe, an unknown model and a missing file end with status 2 and words."""
    photo = write_picture(tmp_path / "old.jpg")
    assert "0.05 to 1.0" in run(photo, "--temperature", 7).stderr
    assert run(photo, "--temperature", 7).exit_code == 2
    assert "Known: lite" in run(photo, "--model", "x").stderr
    assert run(tmp_path / "none.jpg").exit_code == 2
    assert "no list of numbers" in run(photo, "--candidates", "warm").stderr
    assert "exclude each other" in run(photo, "--candidates", "0.2,0.3", "--temperature", 0.2).stderr


@pytest.mark.parametrize("files", [1, 4])
def test_a_missing_device_is_no_fault_of_the_files(files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is not here ends the run once, with status 2, and no file is said to have failed."""
    monkeypatch.setenv("PHOTOCHROM_ENGINE", "onnxruntime")
    monkeypatch.setenv("PHOTOCHROM_DEVICE", "cuda_fp16")
    monkeypatch.setenv("PHOTOCHROM_WORKERS", "1")
    result = run(*(write_picture(tmp_path / f"{number}.png") for number in range(files)))
    assert result.exit_code == 2
    assert result.stderr.count("[engine_unavailable]") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{number}.png" for number in range(files)]


@pytest.mark.slow
def test_many_photos_use_several_processes(tmp_path: Path) -> None:
    """From four files on processes share the work; their results are those of one."""
    photos = [write_picture(tmp_path / f"{n}.png", seed=n) for n in range(5)]
    command = [sys.executable, "-m", "photochrom", "colorize", "-o", str(tmp_path / "many"), *map(str, photos)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert run(photos[3], "-o", tmp_path / "one").exit_code == 0
    made = (tmp_path / "many" / "3_colorized.png").read_bytes()
    assert made == (tmp_path / "one" / "3_colorized.png").read_bytes()


def test_no_result_takes_the_place_of_another(tmp_path: Path) -> None:
    """Files whose results would share a name each have one, and the command says which."""
    photos = [write_picture(tmp_path / name, seed=seed) for seed, name in enumerate(("a.jpg", "a.png", "x/a.png"))]
    result = run(*photos, photos[0], "--format", "tiff", "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0
    outputs = [json.loads(line)["output"] for line in result.stdout.splitlines()]
    assert [Path(output).name for output in outputs] == [
        "a.jpg_colorized.tif",
        "a.png_colorized.tif",
        "a.png-2_colorized.tif",
    ]
    assert len({Path(output).read_bytes() for output in outputs}) == 3


def test_no_master_is_replaced(tmp_path: Path) -> None:
    """`--force *.png` leaves a file that was named, though it is called like a result of another one."""
    photo, other = write_picture(tmp_path / "a.png", seed=1), write_picture(tmp_path / "a_colorized.png", seed=2)
    before = other.read_bytes()
    result = run(photo, other, "--force")
    assert result.exit_code == 1
    assert "output_is_master" in result.stderr
    assert other.read_bytes() == before
    assert (tmp_path / "a_colorized_colorized.png").exists()


def test_a_file_that_comes_while_it_is_colored_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run's result under the same name is not replaced, and no candidate is left."""
    photo, out = write_picture(tmp_path / "a.png"), tmp_path / "out"
    out.mkdir()
    place = Place(path=photo, targets=(out / "a_colorized.png", out / "a_colorized-t0.200.png"))
    monkeypatch.setattr("cli.colorize.below", lambda *_, **__: iter([place]))
    (out / "a_colorized-t0.200.png").write_bytes(b"another")
    result = run(photo, "--candidates", "0.7,0.2", "-o", out)
    assert result.exit_code == 1
    assert "a_colorized-t0.200.png is there" in result.stderr
    assert (out / "a_colorized-t0.200.png").read_bytes() == b"another"
    assert sorted(path.name for path in out.iterdir()) == ["a_colorized-t0.200.png"]


def test_a_folder_that_takes_nothing_is_said_at_once(tmp_path: Path) -> None:
    """One that cannot be made ends the run with status 2 before anything is colored."""
    photo = write_picture(tmp_path / "a.png")
    result = run(photo, "-o", photo / "out")
    assert result.exit_code == 2
    assert "Not a directory" in result.stderr


def test_a_folder_that_goes_away_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is not blamed for it."""
    photo, gone = write_picture(tmp_path / "a.png"), tmp_path / "gone"
    place = Place(path=photo, targets=(gone / "a.png",))
    monkeypatch.setattr("cli.colorize.below", lambda *_, **__: iter([place]))
    assert f"{gone}: No such file or directory" in run(photo).stderr


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is named, and nothing half is left in it."""
    photo, out = write_picture(tmp_path / "a.png"), tmp_path / "out"

    def fill(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("photochrom.files.replacing.os.fsync", fill)
    result = run(photo, "-o", out)
    assert result.exit_code == 1
    assert f"{out} is full" in result.stderr
    assert list(out.iterdir()) == []


def lines_of(result: Result) -> dict[str, dict[str, object]]:
    """The object of each file, by its name."""
    return {Path(line["path"]).name: line for line in map(json.loads, result.stdout.splitlines())}


def test_a_folder_is_colored_and_goes_on_where_it_was(tmp_path: Path) -> None:
    """Every picture below it has its result in the same tree; a second run colors what has come since, and exits 0."""
    box, out = tmp_path / "box", tmp_path / "out"
    write_picture(box / "a.jpg", seed=1)
    write_picture(box / "x/b.png", seed=2)
    (box / "notes.txt").write_text("text")
    first = run(box, "-o", out)
    assert (first.exit_code, first.stderr) == (0, "2 colored, 1 other file skipped.\n")
    assert first.stdout == f"{box}/a.jpg -> {out}/a_colorized.jpg\n{box}/x/b.png -> {out}/x/b_colorized.png\n"
    before = (out / "a_colorized.jpg").stat().st_mtime_ns
    write_picture(box / "x/c.tif", seed=3)
    again = run(box, "-o", out)
    assert (again.exit_code, again.stderr) == (0, "1 colored, 2 there already, 1 other file skipped.\n")
    assert again.stdout == f"{box}/x/c.tif -> {out}/x/c_colorized.tif\n"
    assert (out / "a_colorized.jpg").stat().st_mtime_ns == before
    last = lines_of(run(box, "-o", out, "--json"))
    assert {name: line["state"] for name, line in last.items()} == {
        "a.jpg": "existing",
        "b.png": "existing",
        "c.tif": "existing",
        "notes.txt": "skipped",
    }
    assert last["a.jpg"]["output"] == str(out / "a_colorized.jpg")


def test_a_folder_colors_no_result_and_takes_no_other_for_its_own(tmp_path: Path) -> None:
    """Beside their files results stay what they are; one of another master, or of other options, is in the way."""
    write_picture(tmp_path / "a.png", seed=1)
    assert run(tmp_path).exit_code == 0
    assert run(tmp_path).stderr == "1 there already.\n"
    other = run(tmp_path, "--chroma-gain", 0.2)
    assert (other.exit_code, other.stderr.splitlines()[1]) == (1, "1 failed.")
    assert "was not made of this file with these options" in other.stderr
    write_picture(tmp_path / "a.png", seed=2)
    assert run(tmp_path).exit_code == 1
    assert run(tmp_path, "--force").exit_code == 0
    assert run(tmp_path).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a_colorized.png"]


def test_what_is_named_is_not_taken_as_found(tmp_path: Path) -> None:
    """A file that is named has to have no result yet, also where its folder is named as well."""
    photo = write_picture(tmp_path / "box/a.png")
    assert run(photo).exit_code == 0
    result = run(tmp_path / "box", photo)
    assert result.exit_code == 1
    assert "output_exists" in result.stderr


def test_a_folder_without_pictures_is_said_to_have_none(tmp_path: Path) -> None:
    """That is no failure; what is called like a picture and is none is one."""
    (tmp_path / "notes.txt").write_text("text")
    result = run(tmp_path)
    assert (result.exit_code, result.stderr) == (0, "No picture was found, 1 other file skipped.\n")
    (tmp_path / "lost.jpg").touch()
    result = run(tmp_path)
    assert (result.exit_code, result.stderr.splitlines()[1]) == (1, "1 failed, 1 other file skipped.")


def test_candidates_of_a_folder_are_completed(tmp_path: Path) -> None:
    """Those that are missing are made, also beside one of a run that asked for no other; then all are there."""
    write_picture(tmp_path / "a.png")
    assert run(tmp_path, "--temperature", 0.7).exit_code == 0
    first, second = (tmp_path / name for name in ("a_colorized.png", "a_colorized-t0.200.png"))
    made, before = first.read_bytes(), first.stat().st_ino
    assert run(tmp_path, "--candidates", "0.7,0.2").stderr == "1 colored.\n"
    assert first.stat().st_ino == before
    assert run(tmp_path, "--candidates", "0.7,0.2").stderr == "1 there already.\n"
    first.unlink()
    assert run(tmp_path, "--candidates", "0.7,0.2").stderr == "1 colored.\n"
    assert first.read_bytes() == made
    assert second.exists()


def test_a_candidate_that_was_worked_on_stays(tmp_path: Path) -> None:
    """Somebody chose it and changed it, and did away with the first one: that one is made, and no work is lost."""
    write_picture(tmp_path / "a.jpg")
    assert run(tmp_path, "--candidates", "0.7,0.2").exit_code == 0
    first, second = (tmp_path / name for name in ("a_colorized.jpg", "a_colorized-t0.200.jpg"))
    first.unlink()
    whole = second.read_bytes()
    edited = whole[:2] + b"\xff\xfe\0\x06mine" + whole[2:]
    second.write_bytes(edited)
    result = run(tmp_path, "--candidates", "0.7,0.2", "--json")
    line = json.loads(result.stdout)
    assert [line["state"], len(line["candidates"])] == ["succeeded", 2]
    assert second.read_bytes() == edited
    assert first.exists()


@pytest.fixture
def top(tmp_path: Path) -> Iterator[Path]:
    """A folder that may become deeper than pytest can remove, which calls itself for each folder."""
    yield tmp_path / "top"
    subprocess.run(["rm", "-rf", tmp_path / "top"], check=True)


def test_a_file_of_any_name_and_depth_is_colored(top: Path) -> None:
    """A folder may be deeper than Python's stack, and a name need not be UTF-8, be it a picture's or another's."""
    box, out = top / "box", top / "out"
    write_picture(box / os.fsdecode(b"\xfc/\xfc.png"))
    (box / os.fsdecode(b"\xfc.txt")).write_text("text")
    deep = box.joinpath(*["d"] * 1_100)
    make_folder(deep)
    write_picture(deep / "a.png")
    result = run(box, "-o", out, "--json")
    assert (result.exit_code, result.stderr) == (0, "2 colored, 1 other file skipped.\n")
    outputs = [json.loads(line)["output"] for line in result.stdout.splitlines() if '"succeeded"' in line]
    assert outputs == [f"{out}{'/d' * 1_100}/a_colorized.png", str(out / os.fsdecode(b"\xfc/\xfc_colorized.png"))]


def test_results_of_other_formats_are_known_again(tmp_path: Path) -> None:
    """JPEG 2000 and WebP say, too, which master and recipe they are made of."""
    for name in ("a.jp2", "b.webp"):
        Image.open(io.BytesIO(picture())).save(tmp_path / name)
    assert run(tmp_path).stderr == "2 colored.\n"
    assert run(tmp_path).stderr == "2 there already.\n"


def test_a_run_that_is_broken_off_says_how_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a folder is followed by what to do; the exit status is 1."""

    def broken_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    write_picture(tmp_path / "a.png")
    monkeypatch.setattr("cli.colorize.color_file", broken_off)
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "The same command goes on from here." in result.stderr
