"""The command, as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from models.training.__main__ import main
from tests.models.training.textures import textured


def test_without_torch_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch is missing the command names the extra."""
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    found = CliRunner().invoke(main, [str(tmp_path), "--out", str(tmp_path / "run")])
    assert found.exit_code == 1
    assert "photochrom[train]" in found.output


def test_a_run_by_command(tmp_path: Path) -> None:
    """It trains a thin net on a folder, names what it skipped, writes its files, and refuses to begin twice."""
    pytest.importorskip("torch", reason="training needs photochrom[train]")
    data = tmp_path / "photos"
    data.mkdir()
    for number in range(20):
        (data / f"{number}.png").write_bytes(textured(number))
    (data / "page.png").write_bytes(b"<html>")
    options = f"{data} --out {tmp_path}/run --net eccv16 --width 32 --steps 2 --batch 2 --every 1 --device cpu "
    options += "--crop 32 --size 40 --held 0.4 --settle 1"
    found = CliRunner().invoke(main, options.split())
    assert found.exit_code == 0, found.output
    assert "page.png: no picture" in found.output
    assert (tmp_path / "run" / "eccv16.onnx").is_file()
    again = CliRunner().invoke(main, options.split())
    assert again.exit_code == 1
    assert "--resume" in again.output
    finished = CliRunner().invoke(main, [*options.split(), "--resume"])
    assert finished.exit_code == 0, finished.output


@pytest.mark.parametrize("options", ["--crop 40", "--width 3", "--device nowhere", "--out {data}/run"])
def test_a_bad_option_is_a_usage_error(tmp_path: Path, options: str) -> None:
    """What cannot be is refused before a photo is read, with status 2."""
    pytest.importorskip("torch", reason="training needs photochrom[train]")
    data = tmp_path / "photos"
    data.mkdir()
    words = options.format(data=data).split()
    found = CliRunner().invoke(main, [str(data), "--out", str(tmp_path / "run"), *words])
    assert found.exit_code == 2
    assert words[0] in found.output
