"""One file through the pipeline in this process, net and all, on one thread."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

from models.files import WEIGHTS
from models.nets import Net, load_net
from models.render import warm
from shared.recipes import resolve
from shared.registry import shipped
from shared.settings import load
from worker.orders import Derivative, Limits, Order, colorist_of
from worker.pipeline import derive


@cache
def lite() -> Net:
    """Returns the net that ships, on one thread, with the kernels compiled."""
    warm(load().cache_dir)
    return load_net(shipped().named("lite"), WEIGHTS, threads=1)


def color(path: Path, folder: Path) -> Derivative:
    """Writes the derivative of a file of any size into a folder, and returns what is known of it."""
    net, recipe = lite(), resolve({})
    with path.open("rb") as source, (folder / f"color{path.suffix}").open("w+b") as target:
        order = Order(
            master=hashlib.file_digest(source, "sha256").hexdigest(),
            recipe=recipe,
            model_name="lite",
            limits=replace(Limits.of(load()), max_pixels=1 << 40),
            net_side=net.input_size,
        )
        source.seek(0)
        return derive(
            source,
            target,
            order,
            colorist=colorist_of(net, recipe),
            admit=lambda pixels: None,
        )
