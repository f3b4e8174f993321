"""Signatures and secrets, from both sides."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom import WebhookNotGenuine, verify_webhook
from shared.clock import ManualClock
from shared.storage.memory import MemoryStore
from worker.webhooks.signing import OVERLAP_SECONDS, Secret, Secrets, signatures

#: The example of the Standard Webhooks documentation.
EXAMPLE = Secret(text="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
EXAMPLE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
EXAMPLE_TIME = 1614265330
EXAMPLE_BODY = b'{"test": 2432232314}'
EXAMPLE_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(signature: str, moment: int = EXAMPLE_TIME) -> dict[str, str]:
    """The fields of the example under another capitalization."""
    return {"Webhook-Id": EXAMPLE_ID, "WEBHOOK-TIMESTAMP": str(moment), "webhook-signature": signature}


def test_the_published_example_holds() -> None:
    """The documentation's secret, id, time and body give the documentation's signature, and are verified."""
    assert signatures((EXAMPLE,), EXAMPLE_ID, EXAMPLE_TIME, EXAMPLE_BODY) == EXAMPLE_SIGNATURE
    event = verify_webhook(EXAMPLE.text, headers(EXAMPLE_SIGNATURE), EXAMPLE_BODY, now=EXAMPLE_TIME + 299)
    assert event == {"test": 2432232314}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"body": EXAMPLE_BODY + b" "}, "signature", id="another body"),
        pytest.param({"headers": headers(EXAMPLE_SIGNATURE, EXAMPLE_TIME + 1)}, "signature", id="another time"),
        pytest.param({"headers": headers("v1,AAAA")}, "signature", id="another signature"),
        pytest.param({"headers": headers("v1,é")}, "signature", id="no ASCII"),
        pytest.param({"headers": headers("")}, "signature", id="an empty signature"),
        pytest.param({"headers": headers(EXAMPLE_SIGNATURE.replace("v1", "v2"))}, "signature", id="another scheme"),
        pytest.param({"headers": {}}, "missing", id="no headers"),
        pytest.param(
            {"headers": headers(EXAMPLE_SIGNATURE) | {"WEBHOOK-TIMESTAMP": "now"}}, "malformed", id="no number"
        ),
        pytest.param({"now": EXAMPLE_TIME + 301}, "allowed", id="too old"),
        pytest.param({"now": EXAMPLE_TIME - 301}, "allowed", id="from the future"),
        pytest.param({"secret": "whsec_AAAA"}, "signature", id="another secret"),
    ],
)
def test_what_is_not_genuine_is_refused(change: dict[str, object], words: str) -> None:
    """Whatever differs from what was signed, or came late, is not believed."""
    good = {"secret": EXAMPLE.text, "headers": headers(EXAMPLE_SIGNATURE), "body": EXAMPLE_BODY, "now": EXAMPLE_TIME}
    with pytest.raises(WebhookNotGenuine, match=words):
        verify_webhook(**(good | change))  # type: ignore[arg-type]


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "a password"])
def test_a_secret_that_is_none_is_a_mistake(secret: str) -> None:
    """A receiver that was set up wrongly learns it, instead of refusing everything."""
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(secret, headers(EXAMPLE_SIGNATURE), EXAMPLE_BODY)


def test_a_secret_is_made_once_and_rotated_with_overlap() -> None:
    """The first use makes it; after a rotation both sign for a day, then the new one alone."""
    clock = ManualClock()
    secrets = Secrets(store=MemoryStore(), clock=clock)
    (first,) = secrets.current("museum")
    assert secrets.current("museum") == (first,)
    assert secrets.current("archive") != (first,)
    newest, old = secrets.rotate("museum")
    assert old.text == first.text != newest.text
    moment = int(clock.now())
    signed = signatures(secrets.current("museum"), "msg_1", moment, b"{}")
    fields = {"webhook-id": "msg_1", "webhook-timestamp": str(moment), "webhook-signature": signed}
    for secret in (first, newest):
        assert verify_webhook(secret.text, fields, b"{}", now=moment) == {}
    clock.sleep(OVERLAP_SECONDS + 1)
    assert secrets.current("museum") == (newest,)


def test_many_rotations_keep_few_secrets() -> None:
    """Signatures stay few, however often somebody rotates."""
    secrets = Secrets(store=MemoryStore(), clock=ManualClock())
    for _ in range(9):
        secrets.rotate("museum")
    assert len(secrets.current("museum")) == 4


@given(st.binary(max_size=200), st.text("abc-_0", min_size=1))
def test_every_signature_is_verified(noise: bytes, name: str) -> None:
    """What is signed is genuine, whatever the id and the bytes."""
    body = b'"' + noise.hex().encode() + b'"'
    secret = Secrets(store=MemoryStore(), clock=ManualClock()).current("t")
    fields = {"webhook-id": name, "webhook-timestamp": "5", "webhook-signature": signatures(secret, name, 5, body)}
    assert verify_webhook(secret[0].text, fields, body, now=5) == noise.hex()


def test_the_ten_lines_of_the_documentation_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/api.md tells receivers to write takes what is genuine, and nothing else."""
    page = (Path(__file__).parents[3] / "docs/api.md").read_text()
    code = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def genuine" in block)
    made: dict[str, Any] = {}
    exec(code, made)
    fields = {name.lower(): value for name, value in headers(EXAMPLE_SIGNATURE).items()}
    monkeypatch.setattr(time, "time", lambda: EXAMPLE_TIME + 299)
    assert made["genuine"](EXAMPLE.text, fields, EXAMPLE_BODY)
    assert not made["genuine"](EXAMPLE.text, fields, EXAMPLE_BODY + b" ")
    monkeypatch.setattr(time, "time", lambda: EXAMPLE_TIME + 301)
    assert not made["genuine"](EXAMPLE.text, fields, EXAMPLE_BODY)
