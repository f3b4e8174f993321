"""Logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared import logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leaves logging as it was."""
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)


def test_production_logs_are_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Each event is one JSON object with its level, logger and time; other libraries' lines too."""
    logs.configure(fmt="json", level="info")
    logs.logger("here").info("job_ended", job="1")
    logging.getLogger("elsewhere").warning("odd %s", "thing")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["job"], first["level"], first["logger"]) == ("job_ended", "1", "info", "here")
    assert (second["event"], second["logger"]) == ("odd thing", "elsewhere")
    assert first["timestamp"].endswith("Z")


def test_text_logs_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """In a terminal an event is a readable line, and what lies below the level is left out."""
    logs.configure(fmt="text", level="warning")
    logs.logger("here").info("quiet")
    logs.logger("here").warning("index_away", detail="x")
    err = capsys.readouterr().err
    assert "index_away" in err
    assert "quiet" not in err
