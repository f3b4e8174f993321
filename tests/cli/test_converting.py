"""`photochrom models convert`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from cli import converting
from cli.models import models
from models.eccv16.twin import write_twin
from models.files import sha256

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `photochrom models` over a folder that has the thin twin as the model `thin`."""
    monkeypatch.setenv("PHOTOCHROM_MODELS_DIR", str(tmp_path / "models"))
    write_twin(tmp_path / "thin.caffemodel", width=16)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(models, arguments)

    assert call("add", "thin", "--like", "eccv16", "--from", str(tmp_path / "thin.caffemodel")).exit_code == 0
    return call


def test_a_model_becomes_an_onnx_file(run: Run, tmp_path: Path) -> None:
    """It lies beside its source under the model's name; size, digest and difference are said; it can be added."""
    done = run("convert", "thin", "--to", "onnx")
    assert done.exit_code == 0, done.output
    target = tmp_path / "models/thin.onnx"
    assert sha256(target) in done.output
    assert "in ab at most" in done.output
    assert run("add", "converted", "--like", "eccv16", "--from", str(target)).exit_code == 0
    assert not list(target.parent.glob("*.part"))


def test_a_file_that_is_there_stays(run: Run, tmp_path: Path) -> None:
    """Without --force nothing is replaced."""
    target = tmp_path / "mine.onnx"
    target.write_text("mine")
    refused = run("convert", "thin", "--to", "onnx", "-o", str(target))
    assert refused.exit_code == 2
    assert "--force" in refused.output
    assert target.read_text() == "mine"
    assert run("convert", "thin", "--to", "onnx", "-o", str(target), "--force").exit_code == 0
    assert target.stat().st_size > 500_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lite",), "an ONNX file already"),
        (("eccv16",), "photochrom models pull eccv16"),
        (("thin", "-o", "/nowhere/thin.onnx"), "cannot be written"),
    ],
)
def test_what_cannot_be_converted_is_said(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """The way out is in the words, and the exit status is 2."""
    done = run("convert", *arguments, "--to", "onnx")
    assert done.exit_code == 2
    assert words in done.output


def test_a_file_that_says_something_else_is_not_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where both do not agree, the file does not get its name."""
    write_twin(tmp_path / "other.caffemodel", width=16, seed=1)
    right = converting.converted
    monkeypatch.setattr(converting, "converted", lambda _: right(tmp_path / "other.caffemodel"))
    done = run("convert", "thin", "--to", "onnx")
    assert done.exit_code == 2
    assert "net_self_test_failed" in done.output
    assert not list((tmp_path / "models").glob("*thin.onnx*"))


def test_without_an_importer_nothing_is_compared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An OpenCV that reads no Caffe files says so."""
    monkeypatch.delattr(cv2.dnn, "readNetFromCaffe")
    done = run("convert", "thin", "--to", "onnx")
    assert done.exit_code == 0
    assert "not compared" in done.output
