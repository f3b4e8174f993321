"""The files of models: where they lie, what they look like, and whether they are the registered ones."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from shared.errors import ModelDamaged, ModelMissing
from shared.registry import Model, ModelFile

#: Where the files lie that ship with Photochrom.
WEIGHTS = Path(__file__).parent / "weights"

#: File name extensions that hold the weights of each shape.
EXTENSIONS = {"lite": (".onnx",), "eccv16": (".caffemodel", ".onnx")}

#: Bytes from the start of a file that tell what it is.
HEAD_BYTES = 512

#: What is said of a web page in the place of a model.
WEB_PAGE = (
    "is a web page, not a model: the link has probably expired, or wants a click. Open it in a browser, download the "
    "file there and hand it over with --from FILE"
)

#: How a web page begins, in lower case. A lone "<" may be the length of a net's name in a Caffe file.
_MARKUP = re.compile(rb"<(!doctype|!--|\?xml|html|head|body|script|meta|title|error)")

#: How files begin that are taken for models by mistake, in lower case, and what they are.
_MISTAKES = (
    (
        b"version https://git-lfs",
        "is a pointer of Git LFS, not the model: `git lfs pull` fetches the file that it names",
    ),
    (b"pk\x03\x04", "is a ZIP archive or a PyTorch checkpoint, not a Caffe or ONNX file: unpack or export it first"),
    (b"\x1f\x8b", "is compressed with gzip: unpack it first"),
    (b"\xfd7zxz", "is compressed with xz: unpack it first"),
    (b'{"', "is JSON, not a model: a server's answer instead of the file"),
    (b"name:", "is a Caffe description (prototxt): the weights are in a .caffemodel file"),
    (b"layer {", "is a Caffe description (prototxt): the weights are in a .caffemodel file"),
)


def home(model: Model, folder: Path) -> Path:
    """Returns the folder of the model's files: the package for a net that ships, else the models folder."""
    return WEIGHTS if model.ships else folder


def is_here(model: Model, folder: Path) -> bool:
    """Tells whether the model's digest is known and all its files lie there; they are not read."""
    return model.digest is not None and all((home(model, folder) / file.name).is_file() for file in model.files)


def require(model: Model, folder: Path) -> None:
    """Raises ModelMissing, with the command that fetches it, for a model that is not here; reads no file."""
    for file in model.files:
        if not (home(model, folder) / file.name).is_file():
            raise ModelMissing(
                f"{model.name} is not on this machine: {file.name} is not in {home(model, folder)}. "
                f"`{model.remedy}` fetches it.",
                seen=str(home(model, folder) / file.name),
            )
    if model.digest is None:
        raise ModelMissing(
            f"Nothing is known yet of {model.name} by which to prove it. `{model.remedy}` proves and records it.",
            seen=model.name,
        )


def proved(model: Model, folder: Path) -> list[Path]:
    """Returns the paths of the model's files after size and digest of each were checked.

    Raises ModelMissing or ModelDamaged.
    """
    require(model, folder)
    paths = [home(model, folder) / file.name for file in model.files]
    for file, path in zip(model.files, paths, strict=True):
        if words := mismatch(file, path):
            raise ModelDamaged(f"{path} {words}. `{model.remedy}` fetches it again.", seen=str(path))
    return paths


def mismatch(file: ModelFile, path: Path) -> str | None:
    """Returns how what lies at `path` differs from the registered size and digest, in words; None where it does not.

    What is not registered is not compared.
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"has {size:,} bytes; {file.size:,} are right"
    if file.sha256 is not None and (digest := sha256(path)) != file.sha256:
        return f"has the SHA-256 {digest}; {file.sha256} is right"
    return None


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def mistaken_for(path: Path) -> str | None:
    """Returns what the file at `path` plainly is instead of a model, in words; None where it may be one."""
    with path.open("rb") as stream:
        return mistaken(stream.read(HEAD_BYTES))


def mistaken(head: bytes) -> str | None:
    """Returns what a file that begins like this is, if it is plainly no model; None for one that may be one."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not start:
        return "is empty"
    if _MARKUP.match(start):
        return WEB_PAGE
    return next((words for magic, words in _MISTAKES if start.startswith(magic)), None)
