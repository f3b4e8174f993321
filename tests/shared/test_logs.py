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


KEY = "pc_" + "Ab-_" * 10 + "xyz"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"key {KEY}.", "key pc_[hidden]"),
        (f"Authorization: Bearer {KEY}", "Authorization: Bearer [hidden]"),
        ("basic dXNlcjpwYXNz", "basic [hidden]"),
        ("?X-Amz-Credential=AK%2F1&X-Amz-Date=2&X-Amz-Signature=0f", None),
        ("AWS4-HMAC-SHA256 Credential=AK/1, Signature=0f", "AWS4-HMAC-SHA256 Credential=[hidden], Signature=[hidden]"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_[hidden]"),
        ("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=", "v1,[hidden]"),
        ("rediss://user:p:ss@host:6379/0", "rediss://user:[hidden]@host:6379/0"),
        ("redis://127.0.0.1:6379/0 a@b", "redis://127.0.0.1:6379/0 a@b"),
        ("pc_job v1,000 signatures", "pc_job v1,000 signatures"),
    ],
)
def test_secrets_are_hidden_and_words_are_not(text: str, clean: str | None) -> None:
    """Keys, signatures, webhook secrets and passwords are replaced, and nothing else is."""
    assert logs.redacted(text) == (clean or "?X-Amz-Credential=[hidden]&X-Amz-Date=2&X-Amz-Signature=[hidden]")


@pytest.mark.parametrize("fmt", ["json", "text"])
def test_no_line_holds_a_secret(capsys: pytest.CaptureFixture[str], fmt: str) -> None:
    """Wherever it stands, in a field, in another library's line, in an error or a variable, it does not come out."""
    logs.configure(fmt=fmt, level="debug")
    log = logs.logger("here")
    bytes_of_a_picture = b"bytes of a picture"
    log.info("odd", header={"Authorization": f"Bearer {KEY}"}, detail=f'"{KEY}"')
    logging.getLogger("elsewhere").warning("GET /?key=%s", KEY)
    try:
        raise RuntimeError(f"refused: {KEY}, {len(bytes_of_a_picture)}")
    except RuntimeError:
        log.exception("request_failed")
    err = capsys.readouterr().err
    assert "RuntimeError" in err
    assert KEY[5:] not in err
    assert bytes_of_a_picture.decode() not in err
    if fmt == "json":
        assert len([json.loads(line) for line in err.splitlines()]) == 3
