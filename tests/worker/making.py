"""Derivatives made from start to end, net and all; `python -m tests.worker.making FILE...` prints their SHA-256."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from models.files import WEIGHTS
from models.nets import Net, load_net
from shared.recipes import resolve
from shared.registry import shipped
from shared.settings import load
from worker.deriving import Deriver, InPlace
from worker.orders import Limits, Order, colorist_of

LITE = shipped().named("lite")

LIMITS = Limits.of(load({}))


def derive(deriver: Deriver, data: bytes, net: Net, recipe: Mapping[str, object]) -> bytes:
    """Returns the file of a derivative."""
    resolved = resolve(recipe)
    order = Order(
        master=hashlib.sha256(data).hexdigest(),
        recipe=resolved,
        model_name=LITE.name,
        limits=LIMITS,
        net_side=net.input_size,
        previews=False,
    )
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(data)
        source.seek(0)
        deriver.derive("ann", source, target, order, colorist=colorist_of(net, resolved), admitted=lambda pixels: None)
        target.seek(0)
        return target.read()


if __name__ == "__main__":
    net_of_all_cores = load_net(LITE, WEIGHTS, threads=os.cpu_count() or 1)
    for name in sys.argv[1:]:
        made = derive(InPlace(), Path(name).read_bytes(), net_of_all_cores, {})
        sys.stdout.write(f"{hashlib.sha256(made).hexdigest()}\n")
