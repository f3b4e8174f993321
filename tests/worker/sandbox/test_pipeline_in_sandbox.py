"""The sandbox with the real pipeline: it changes nothing, and its children find everything ready."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.errors import Truncated
from shared.recipes import resolve
from shared.settings import load
from tests.house import lite, picture
from worker.deriving import Deriver, InPlace
from worker.orders import Derivative, Limits, Order, colorist_of
from worker.sandbox import Sandbox
from worker.sandbox.rehearsal import rehearse

SETTINGS = load({})


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox as a worker opens it."""
    with Sandbox(SETTINGS.cache_dir, SETTINGS.sandbox_megabytes << 20) as made:
        yield made


def derive(deriver: Deriver, data: bytes, **recipe: str) -> tuple[Derivative, bytes]:
    """Colors a picture with the net that ships."""
    net = lite()
    order = Order(
        master="0" * 64,
        recipe=resolve(recipe),
        model_name="lite",
        limits=Limits.of(SETTINGS),
        net_side=net.input_size,
    )
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(data)
        source.seek(0)
        made = deriver.derive(
            "ann",
            source,
            target,
            order,
            colorist=colorist_of(net, order.recipe),
            admitted=lambda pixels: None,
        )
        target.seek(0)
        return replace(made, timings={}), target.read()


@pytest.mark.parametrize(
    ("fmt", "mode", "recipe"),
    [
        ("PNG", "L", {}),
        ("JPEG", "RGB", {}),
        ("TIFF", "I;16", {}),
        ("WEBP", "RGB", {"format": "jp2"}),
        ("BMP", "L", {"format": "tiff", "compression": "lzw"}),
    ],
)
def test_the_sandbox_changes_nothing(sandbox: Sandbox, fmt: str, mode: str, recipe: dict[str, str]) -> None:
    """File, previews and figures are those of the pipeline in place."""
    data = picture(300, 200, fmt=fmt, mode=mode)
    assert derive(sandbox, data, **recipe) == derive(InPlace(), data, **recipe)


def test_a_damaged_picture_is_called_so(sandbox: Sandbox) -> None:
    """What the pipeline says of a picture arrives as it is said in place."""
    data = picture(300, 200, fmt="PNG")[:-1000]
    with pytest.raises(Truncated) as expected:
        derive(InPlace(), data)
    with pytest.raises(Truncated) as caught:
        derive(sandbox, data)
    assert (caught.value.detail, caught.value.extra) == (expected.value.detail, expected.value.extra)


def test_every_format_is_rehearsed(capfd: pytest.CaptureFixture[str]) -> None:
    """The rehearsal reads and writes each format at each depth, and none fails."""
    rehearse(SETTINGS.cache_dir)
    assert "failed" not in capfd.readouterr().err
