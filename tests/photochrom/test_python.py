"""docs/python.md: its examples run, and what they promise comes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from photochrom import Client
from tests.house import write_picture
from tests.served import Served

_DOCS = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_examples_run(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The examples, one after the other, color a folder and a picture, and name the failures."""
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "scans/old.jpg", seed=1)
    write_picture(tmp_path / "scans/box/other.tif", seed=2)
    (tmp_path / "scans/false.png").write_text("no picture")
    examples = re.findall(r"```python\n(.*?)```", _DOCS.read_text(), re.DOTALL)
    text = "\n".join(examples).replace("http://127.0.0.1:8080", served.url)
    names: dict[str, Any] = {}
    exec(compile(text, "docs/python.md", "exec"), names)
    said = capsys.readouterr().out
    assert "2 colored, 1 failed" in said
    assert "false.png unsupported_media" in said
    assert "2 of 2, 0 failed" in said
    assert "completed 1" in said
    assert "100%" in said
    assert names["failed"] == []
    files = {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "color").rglob("*.*") if path.is_file()}
    assert {"color/old_colorized.jpg", "color/box/other_colorized.tif", "color/0.jpg"} <= files


def test_every_call_is_told_of() -> None:
    """The table names what a client can do with a job, and nothing that it cannot."""
    told = set(re.findall(r"`(\w+)\(", _DOCS.read_text())) - {"Client", "pip"}
    assert told <= {name for name in dir(Client) if not name.startswith("_")}
    assert {"states", "events", "pause", "resume", "retry", "prioritize", "queue", "wait"} <= told
