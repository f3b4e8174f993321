"""A webhook over really running processes, TLS and all."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from photochrom import verify_webhook
from photochrom.command import main
from tests.worker.webhooks.receivers import OK, Authority, Receiver, says

pytestmark = pytest.mark.slow


def test_a_receiver_inside_is_told(
    start_service: Callable[..., Any], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the operator allows this machine the event comes over TLS, signed with what `webhooks secret` prints."""
    receiver = Receiver(manners=says(OK), context=Authority.make(tmp_path).serving("localhost"))
    with receiver.listening():
        service = start_service(
            PHOTOCHROM_WEBHOOK_ALLOW="127.0.0.0/8,::1/128",
            PHOTOCHROM_WEBHOOK_PORTS=str(receiver.port),
            SSL_CERT_FILE=str(tmp_path / "ca.pem"),
        )
        with (photos / "nipomo.jpg").open("rb") as photo:
            answer = requests.post(
                f"{service.url}/v1/jobs",
                files={"image": ("old.jpg", photo)},
                data={"webhook": f"https://localhost:{receiver.port}/in"},
                timeout=30,
            )
        assert answer.status_code == 202, answer.text
        until = time.monotonic() + 120
        while not receiver.requests:
            assert time.monotonic() < until
            time.sleep(0.05)
    monkeypatch.setenv("PHOTOCHROM_STORAGE_URL", str(service.data / "objects"))
    secret = CliRunner().invoke(main, ["webhooks", "secret"]).stdout.strip()
    event = verify_webhook(secret, receiver.heads()[0], receiver.bodies()[0])
    assert (event["type"], event["data"]["id"]) == ("job.completed", answer.json()["id"])
    assert event["data"]["counts"]["succeeded"] == 1
