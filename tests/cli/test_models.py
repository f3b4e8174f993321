"""`photochrom models`: what an operator sees and what is then in his folder."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest
from click.testing import CliRunner, Result

from models.answers import first_answers, prove
from models.eccv16.twin import write_twin
from models.nets import load_net
from photochrom.command import main
from shared import registry
from shared.errors import NetFailed, NetSelfTestFailed, RegistryDamaged
from shared.registry import FILE_NAME, Model, ModelFile, Registry, load_registry, shipped
from tests.cli import mirrors
from tests.cli.mirrors import Mirror, good, raw, trickling

NOREBAL = "eccv16-norebal"
PAGE = b"<html><body>This file has moved.</body></html>"


def tiny_net(seed: int = 0, *, bins: int = 313) -> bytes:
    """An ONNX file with the contract of the nets: one convolution, random weights."""
    dice = np.random.default_rng(seed)
    weights = onnx.numpy_helper.from_array(dice.normal(0, 0.05, (bins, 1, 4, 4)).astype(np.float32), "weights")
    node = onnx.helper.make_node("Conv", ["lightness", "weights"], ["logits"], kernel_shape=[4, 4], strides=[4, 4])
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("lightness", [1, 1, 224, 224]), ("logits", [1, bins, 56, 56]))
    ]
    graph = onnx.helper.make_graph([node], "tiny", ends[:1], ends[1:], [weights])
    opset = [onnx.helper.make_opsetid("", 13)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder that the commands find through the environment."""
    monkeypatch.setenv("PHOTOCHROM_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """A mirror that does as it is told."""
    with mirrors.running() as server:
        yield server


def run(*arguments: object) -> Result:
    """Runs `photochrom models` in this process."""
    return CliRunner().invoke(main, ["models", *map(str, arguments)], catch_exceptions=False)


def know(monkeypatch: pytest.MonkeyPatch, name: str, file: ModelFile, digest: str | None) -> None:
    """Makes the shipped registry name one more model, as if Photochrom had come with it."""
    entry = replace(shipped().named(NOREBAL), name=name, digest=digest, files=(file,))
    known = Registry((*(model for model in shipped().models if model.name != name), entry))
    monkeypatch.setattr(registry, "shipped", lambda: known)


def write(path: Path, data: bytes) -> Path:
    """Writes a file and returns its path."""
    path.write_bytes(data)
    return path


def entry(**fields: str) -> str:
    """Returns a registry of one model, with some fields as they are given in TOML."""
    right = {"digest": f'"{"a" * 64}"', "shape": '"lite"', "input_size": "224", "files": '[{ name = "net.onnx" }]'}
    words = "".join(f'{name} = ""\n' for name in ("summary", "engine", "license", "origin"))
    rest = "".join(f"{name} = {value}\n" for name, value in (right | fields).items())
    return f"[models.net]\noutput_size = 56\n{words}{rest}"


def facts(name: str) -> dict[str, object]:
    """Returns what `list --json` says of one model."""
    lines = [json.loads(line) for line in run("list", "--json").stdout.splitlines()]
    return next(line for line in lines if line["name"] == name)


def test_the_list_says_what_is_here(folder: Path) -> None:
    """Before anything is fetched lite is here, the others are not, and each has the command that fetches it."""
    rows = [line.split("\t") for line in run("list").stdout.splitlines()]
    assert [row[:2] for row in rows] == [["lite", "here"], ["eccv16", "not here"], [NOREBAL, "not here"]]
    assert facts("lite")["here"] is True
    assert facts("eccv16")["fetched_by"] == "photochrom models pull eccv16"
    assert (facts("eccv16")["size"], facts(NOREBAL)["size"], facts(NOREBAL)["digest"]) == (128_946_764, None, None)


def test_on_a_terminal_there_is_a_table_and_a_bar(
    folder: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person sees columns, the commands that fetch what is missing, and how much of a file has come."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    table = run("list").stdout
    assert "Fetch eccv16: photochrom models pull eccv16" in table
    assert f"Folder: {folder}" in table
    file = ModelFile(name="rare.onnx", mirrors=(mirror.tell("/rare", good(tiny_net())),))
    know(monkeypatch, "rare", file, None)
    assert "kB" in run("pull", "rare").stderr


def test_a_folder_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    """Answers that cannot be recorded are an error in words."""
    run("add", "net", "--like", "lite", "--from", write(tmp_path / "a.onnx", tiny_net()))
    (folder / "net.answers.toml").unlink()
    (folder / ".net.answers.toml.new").mkdir()
    failed = run("verify", "net")
    assert failed.exit_code == 2
    assert ".net.answers.toml.new: Is a directory. [misconfigured]" in failed.stderr


def test_pull_fetches_proves_and_records_answers(folder: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pulled model is here, has known answers, and is left alone by the next pull."""
    data = tiny_net()
    digest = hashlib.sha256(data).hexdigest()
    addresses = (mirror.tell("/gone", raw(b"", status=404)), mirror.tell("/net", good(data)))
    know(monkeypatch, "net", ModelFile(name="net.onnx", size=len(data), sha256=digest, mirrors=addresses), digest)
    pulled = run("pull", "net")
    assert pulled.exit_code == 0, pulled.output
    assert "net is here: 0.0 MB, with the SHA-256 that the registry has." in pulled.stdout
    assert "127.0.0.1 answers 404" in pulled.stderr
    assert (folder / "net.answers.toml").is_file()
    assert facts("net")["here"] is True
    assert "files and answers are right" in run("verify", "net").stdout
    assert "is here already" in run("pull", "net").stdout
    assert not (folder / FILE_NAME).exists()


def test_a_first_copy_is_recorded_and_said_so(folder: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose digest is published nowhere is recorded on first use; from then on only that file is it."""
    file = ModelFile(name="rare.onnx", mirrors=(mirror.tell("/rare", good(tiny_net(1))),))
    know(monkeypatch, "rare", file, None)
    pulled = run("pull", "rare")
    assert pulled.exit_code == 0, pulled.output
    digest = hashlib.sha256(tiny_net(1)).hexdigest()
    for words in ("published nowhere", "taken on trust", digest, str(folder / FILE_NAME)):
        assert words in pulled.stdout
    entry = tomllib.loads((folder / FILE_NAME).read_text())["models"]["rare"]
    assert (entry["digest"], entry["files"][0]["size"]) == (digest, len(tiny_net(1)))
    assert load_registry(folder).digest_of("rare") == digest
    # Another file under the same address is no longer this model.
    (folder / "rare.onnx").unlink()
    mirror.tell("/rare", good(tiny_net(2)))
    again = run("pull", "rare")
    assert again.exit_code == 2
    assert "bytes; " in again.stderr or "has the SHA-256" in again.stderr
    assert not (folder / "rare.onnx").exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(PAGE, "is a web page", id="a web page"),
        pytest.param(tiny_net()[:3000], "not a net of the shape", id="truncated"),
        pytest.param(tiny_net(bins=10), "gave an array of shape", id="another net"),
    ],
)
def test_a_first_copy_that_is_no_net_is_not_recorded(
    folder: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, data: bytes, words: str
) -> None:
    """Without a digest the file has to prove to be a net before it is taken on trust."""
    know(monkeypatch, "rare", ModelFile(name="rare.onnx", mirrors=(mirror.tell("/rare", good(data)),)), None)
    pulled = run("pull", "rare")
    assert pulled.exit_code == 2
    assert words in pulled.stderr
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [".lock"]


def test_pull_from_a_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file from a browser stands in for the mirrors; one file is for one model."""
    know(monkeypatch, "rare", ModelFile(name="rare.onnx", mirrors=("http://nowhere.invalid/",)), None)
    source = write(tmp_path / "download(1)", tiny_net())
    assert run("pull", "rare", "lite", "--from", source).exit_code == 2
    assert "taken on trust" in run("pull", "rare", "--from", source).stdout
    assert (folder / "rare.onnx").read_bytes() == tiny_net()
    page = write(tmp_path / "page", PAGE)
    refused = run("pull", "eccv16", "--from", page)
    assert refused.exit_code == 2
    assert f"{page} is a web page, not a model: the link has probably expired" in refused.stderr
    assert "[not_a_model]" in refused.stderr


def test_what_ships_needs_no_pull(folder: Path) -> None:
    """`pull lite` proves what is there and fetches nothing; an unknown name is refused with those that are known."""
    assert "lite is here already" in run("pull", "lite").stdout
    unknown = run("pull", "heavy")
    assert unknown.exit_code == 2
    assert f"Known: lite, eccv16, {NOREBAL}" in unknown.stderr


def test_a_net_of_ones_own_is_added(folder: Path, tmp_path: Path) -> None:
    """Added weights are copied, proved and entered; they are served and colored with under their name."""
    source = write(tmp_path / "museum.onnx", tiny_net(3))
    added = run("add", "museum-2026", "--like", "eccv16", "--from", source)
    assert added.exit_code == 0, added.output
    known = load_registry(folder)
    model = known.named("museum-2026")
    assert model.digest == hashlib.sha256(tiny_net(3)).hexdigest()
    assert (model.shape, model.files[0].name, model.origin) == ("eccv16", "museum-2026.onnx", "museum.onnx")
    assert known.by_digest(model.digest) == model
    prove(load_net(model, folder), model, folder)
    assert (folder / FILE_NAME).read_text().startswith("# Models of this machine")
    # A second one leaves the first as it is.
    run("add", "other", "--like", "lite", "--from", write(tmp_path / "o.onnx", tiny_net(4)))
    assert [m.name for m in load_registry(folder).models][3:] == ["museum-2026", "other"]
    assert load_registry(folder).named("museum-2026") == model


def test_caffe_weights_of_the_papers_shape_are_added(folder: Path, tmp_path: Path) -> None:
    """A thin twin of the paper's net is a model once it has answered; half of it, or one with a layer less, is not."""
    whole = tmp_path / "twin.caffemodel"
    write_twin(whole, width=16)
    added = run("add", "thin", "--like", "eccv16", "--from", whole)
    assert added.exit_code == 0, added.output
    assert "files and answers are right" in run("verify", "thin").stdout
    data = whole.read_bytes()
    for broken, words in (
        (data[: len(data) // 2], "not a net of the shape eccv16"),
        (data.replace(b"conv8_313", b"conv8_999"), "conv8_313"),
    ):
        refused = run("add", "broken", "--like", "eccv16", "--from", write(tmp_path / "broken.caffemodel", broken))
        assert refused.exit_code == 2
        assert words in refused.stderr
        assert "broken" not in (folder / FILE_NAME).read_text()
        assert not (folder / "broken.caffemodel").exists()


@pytest.mark.parametrize(
    ("name", "like", "file", "data", "words"),
    [
        pytest.param("lite", "lite", "a.onnx", tiny_net(), "is a model already", id="a name that is taken"),
        pytest.param("../up", "lite", "a.onnx", tiny_net(), "1 to 64 of a-z", id="a name that leads away"),
        pytest.param("Net", "lite", "a.onnx", tiny_net(), "1 to 64 of a-z", id="capital letters"),
        pytest.param("n" * 65, "lite", "a.onnx", tiny_net(), "1 to 64 of a-z", id="a name that is too long"),
        pytest.param("net", "heavy", "a.onnx", tiny_net(), "No model is called 'heavy'", id="an unknown shape"),
        pytest.param("net", "eccv16", "a.caffemodel", PAGE, "is a web page, not a model", id="a web page"),
        pytest.param("net", "eccv16", "a.onnx", tiny_net()[:9000], "not a net of the shape", id="truncated"),
        pytest.param("net", "eccv16", "a.onnx", b"\x08\x07" + bytes(9000), "not a net of the shape", id="noise"),
        pytest.param("net", "eccv16", "a.onnx", tiny_net(bins=2), "gave an array of shape", id="wrong shape"),
        pytest.param("net", "eccv16", "a.pth", b"PK\x03\x04" + bytes(600), "PyTorch checkpoint", id="PyTorch"),
        pytest.param("net", "lite", "a.bin", tiny_net(), "ends in .onnx", id="an unknown kind of file"),
        pytest.param("net", "lite", "a.onnx", b"", "is empty", id="empty"),
    ],
)
def test_what_is_no_net_is_not_added(
    folder: Path, tmp_path: Path, name: str, like: str, file: str, data: bytes, words: str
) -> None:
    """A bad name, a file of another kind, a broken file and a net of another shape are refused and leave nothing."""
    refused = run("add", name, "--like", like, "--from", write(tmp_path / file, data))
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert not folder.exists() or sorted(path.name for path in folder.rglob("*") if path.is_file()) == [".lock"]


def test_a_net_has_one_name(folder: Path, tmp_path: Path) -> None:
    """Weights that are a model already are not added under a second name."""
    source = write(tmp_path / "a.onnx", tiny_net())
    run("add", "first", "--like", "lite", "--from", source)
    again = run("add", "second", "--like", "lite", "--from", source)
    assert again.exit_code == 2
    assert "is first: it has the same SHA-256" in again.stderr


def test_verify_finds_a_forged_file_and_a_wrong_answer(folder: Path, tmp_path: Path) -> None:
    """Digest and answers are proved, each failure is told, and the others are still verified."""
    run("add", "net", "--like", "lite", "--from", write(tmp_path / "a.onnx", tiny_net()))
    answers = folder / "net.answers.toml"
    right = answers.read_text()
    answers.write_text(right.replace("ramp = [", "ramp = [9"))
    wrong = run("verify")
    assert wrong.exit_code == 2
    assert "[net_self_test_failed]" in wrong.stderr
    assert "lite: files and answers are right" in wrong.stdout
    answers.unlink()
    assert "its answers were not known and are recorded" in run("verify", "net").stdout
    assert answers.read_text() == right
    (folder / "net.onnx").write_bytes(tiny_net(1))
    forged = run("verify", "net")
    assert forged.exit_code == 2
    assert "has the SHA-256" in forged.stderr
    assert "`photochrom models pull net --from FILE` fetches it again. [model_damaged]" in forged.stderr
    (folder / "net.onnx").unlink()
    assert "[model_missing]" in run("verify", "net").stderr
    # The file comes back by hand, and has to be the same.
    assert "with the SHA-256 that the registry has" in run("pull", "net", "--from", tmp_path / "a.onnx").stdout


def test_answers_that_prove_nothing_are_refused() -> None:
    """The same answer to both inputs, an answer of another size, and one that is no numbers."""

    class Flat:
        engine, input_size, first, side = "flat", 224, 5.0, 56

        def logits(self, lightness: np.ndarray) -> np.ndarray:
            found = np.zeros((1, 313, self.side, self.side), np.float32)
            found[:, 0] = self.first
            return found

    net = Flat()
    with pytest.raises(NetSelfTestFailed, match="the same answer to two different pictures"):
        first_answers(net, shipped().named("lite"))
    net.side = 28
    with pytest.raises(NetSelfTestFailed, match="28 x 28 cells; 56 x 56 are right"):
        first_answers(net, shipped().named("lite"))
    net.first = np.nan
    with pytest.raises(NetFailed, match="no numbers"):
        first_answers(net, shipped().named("lite"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("models = [", id="no TOML"),
        pytest.param("[models.net]\nsize = 3\n", id="fields are missing"),
        pytest.param("[other]\n", id="no models"),
        pytest.param("models = 3\n", id="a number"),
        pytest.param(entry(digest="5"), id="a digest that is a number"),
        pytest.param(entry(digest='"abc"'), id="a digest that is too short"),
        pytest.param(entry(input_size='"224"'), id="a size that is a text"),
        pytest.param(entry(shape='"vgg"'), id="an unknown shape"),
        pytest.param(entry(files="[]"), id="no file"),
        pytest.param(entry(files="[{ name = 3 }]"), id="a file whose name is a number"),
        pytest.param(entry(files='[{ name = "../net.onnx" }]'), id="a file that lies elsewhere"),
        pytest.param(entry(ships="true"), id="a net of the operator's that ships"),
    ],
)
def test_a_registry_that_cannot_be_understood_is_refused(folder: Path, text: str) -> None:
    """The error names the file."""
    folder.mkdir()
    (folder / FILE_NAME).write_text(text)
    with pytest.raises(RegistryDamaged, match=FILE_NAME):
        load_registry(folder)
    assert "[registry_damaged]" in run("list").stderr
    (folder / FILE_NAME).write_text(entry())
    assert load_registry(folder).named("net").input_size == 224


def test_the_operator_cannot_change_what_ships(folder: Path, tmp_path: Path) -> None:
    """An entry under the name of a shipped model counts only where that has no digest."""
    run("add", "net", "--like", "lite", "--from", write(tmp_path / "a.onnx", tiny_net()))
    text = (folder / FILE_NAME).read_text()
    (folder / FILE_NAME).write_text(text.replace("models.net", "models.lite"))
    assert load_registry(folder) == shipped()
    (folder / FILE_NAME).write_text(text.replace("models.net", f"models.{NOREBAL}"))
    assert load_registry(folder).named(NOREBAL).digest == hashlib.sha256(tiny_net()).hexdigest()


def test_a_missing_model_names_the_command_that_fetches_it(folder: Path, photos: Path) -> None:
    """Coloring, serving and verifying with a model that is not here say how to get it."""
    photo = str(photos / "nipomo.jpg")
    for arguments in (
        ["colorize", photo, "--model", "eccv16"],
        ["models", "verify", "eccv16"],
        ["worker", "--models", "eccv16"],
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2, arguments
        assert "`photochrom models pull eccv16`" in result.stderr
        assert "[model_missing]" in result.stderr
    unknown = CliRunner().invoke(main, ["colorize", photo, "--model", NOREBAL])
    assert f"`photochrom models pull {NOREBAL}`" in unknown.stderr


def test_ctrl_c_keeps_what_has_come(folder: Path, mirror: Mirror) -> None:
    """An interrupted pull says that the next one goes on, which it does."""
    data = tiny_net() * 40
    entry: Model = replace(
        shipped().named("eccv16"),
        files=(ModelFile(name="n.onnx", size=len(data), sha256=hashlib.sha256(data).hexdigest()),),
    )
    folder.mkdir()
    (folder / FILE_NAME).write_text(
        f"""
        [models.net]
        digest = "{entry.files[0].sha256}"
        summary = ""
        shape = "lite"
        engine = "cv2"
        license = ""
        origin = ""
        input_size = 224
        output_size = 56
        files = [{{ name = "n.onnx", size = {len(data)}, sha256 = "{entry.files[0].sha256}", mirrors = [
            "{mirror.tell("/net", trickling(data, pieces=100, seconds=0.05))}"
        ] }}]
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "photochrom", "models", "pull", "net"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    part = folder / ".incoming/n.onnx.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "`photochrom models pull net` goes on from there" in said
    assert 0 < part.stat().st_size < len(data)
    mirror.tell("/net", good(data))
    run("pull", "net")
    assert mirror.asked[-1][1] is not None
    assert (folder / "n.onnx").read_bytes() == data
