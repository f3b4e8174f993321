"""The models folder: its lock, what is coming in, and the operator's registry.

Files come in below `.incoming`, which is laid out like the models folder itself, and move up once they are proved. So
what lies in the models folder under a registered name was right when it got that name.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w

from models.answers import answers_path, first_answers, prove, text_of
from models.files import sha256
from models.nets import load_net
from shared.errors import Misconfigured, ModelDamaged, NetFailed, NetSelfTestFailed, NotAModel
from shared.registry import FILE_NAME, Model, ModelFile, operators_models

#: Bytes that have to stay free on the disk.
_MARGIN = 64 << 20

_HEADING = "# Models of this machine, entered by `photochrom models add` and `photochrom models pull`.\n\n"


@contextmanager
def opened(folder: Path) -> Iterator[Path]:
    """Makes the folder where it is not there, holds it against every other command, and gives `.incoming` in it.

    Raises Misconfigured where another command is at work in it, and for whatever the disk refuses.
    """
    incoming = folder / ".incoming"
    with _disk(folder):
        incoming.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Misconfigured(
                    f"Another `photochrom models` command is at work in {folder}. Wait for it."
                ) from None
            yield incoming


def check_room(folder: Path, needed: int) -> None:
    """Raises Misconfigured where the disk has no room for so many more bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed + _MARGIN:
        raise Misconfigured(
            f"{folder} has {free / 1e6:,.0f} MB free; {(needed + _MARGIN) / 1e6:,.0f} MB are needed. Make room, or set "
            "PHOTOCHROM_MODELS_DIR to a folder on another disk.",
            limit=needed + _MARGIN,
            seen=free,
        )


def copy_in(source: Path, target: Path) -> None:
    """Copies a file to `target`, below `.incoming`, as a whole or not at all."""
    check_room(target.parent, source.stat().st_size)
    part = target.with_name(f"{target.name}.copy")
    try:
        shutil.copyfile(source, part)
        _sync(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def measured(model: Model, folder: Path) -> Model:
    """Returns the model with size and digest of each file, and its own digest, as they lie in `folder`."""
    files = tuple(
        replace(file, size=(folder / file.name).stat().st_size, sha256=sha256(folder / file.name))
        for file in model.files
    )
    return replace(model, digest=files[-1].sha256, files=files)


def move_up(incoming: Path, files: Iterable[ModelFile]) -> None:
    """Gives files their final names; what had them is replaced."""
    for file in files:
        (incoming / file.name).replace(incoming.parent / file.name)
    _sync(incoming.parent)


def enter(model: Model, incoming: Path, called: str) -> None:
    """Proves a net that nobody has vouched for and makes it a model: files, known answers, entry in the registry.

    The model is measured and lies in `incoming`; `called` is what a person knows its file by. Raises NotAModel, and
    leaves nothing then.
    """
    folder = incoming.parent
    others = [other for other in operators_models(folder) if other.name != model.name]
    try:
        answers = first_answers(load_net(model, incoming), model)
    except (ModelDamaged, NetFailed, NetSelfTestFailed) as error:
        for file in model.files:
            (incoming / file.name).unlink()
        raise NotAModel(f"{called} is not a net of the shape {model.shape}. {error.detail}") from error
    move_up(incoming, model.files)
    _write(answers_path(model, folder), text_of(answers, model))
    _write(folder / FILE_NAME, _HEADING + tomli_w.dumps(_table((*others, model))))


def ensure_answers(model: Model, folder: Path, *, engine: str, device: str) -> tuple[str, bool]:
    """Proves a model by its known answers; where there are none, OpenCV on the CPU gives them, and they are recorded.

    Returns what ran it, and whether they were recorded. Raises NetSelfTestFailed and what loading raises.
    """
    path = answers_path(model, folder)
    unknown = not path.exists()
    if unknown:
        _write(path, text_of(first_answers(load_net(model, folder), model), model))
    net = load_net(model, folder, engine=engine, device=device)
    prove(net, model, folder)
    return net.engine, unknown


def _table(models: tuple[Model, ...]) -> dict[str, Any]:
    return {"models": {model.name: _plain(asdict(model)) for model in models}}


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns what TOML can say of an entry: no None, and nothing that the defaults say already."""
    del entry["name"]
    if not entry["ships"]:
        del entry["ships"]
    entry["files"] = [{key: value for key, value in file.items() if value} for file in entry["files"]]
    return entry


def _write(path: Path, text: str) -> None:
    """Writes a small file so that it is there as a whole or as it was before."""
    part = path.with_name(f".{path.name}.new")
    with _disk(path.parent):
        part.write_text(text, "utf-8")
        _sync(part)
        part.replace(path)
        _sync(path.parent)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Raises Misconfigured for what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise Misconfigured(f"{error.filename or folder}: {error.strerror or error}.", seen=str(folder)) from error


def _sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
