"""The words both halves share: errors, settings, recipes, registry, formats, ids, values."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.colorize import colorize
from photochrom.commands.submit import submit
from photochrom.scans.scan import is_picture
from shared import layout
from shared.bells import MemoryBells, broker_settings, queue, top_up
from shared.clock import ManualClock, SystemClock, timestamp
from shared.errors import (
    Corrupt,
    InvalidRecipe,
    InvalidSetting,
    ModelMissing,
    PhotochromError,
    UnknownModel,
    errors,
)
from shared.formats import FORMATS, SNIFF_BYTES, sniff
from shared.ids import is_id, new_id
from shared.index.claims import bitmap
from shared.items import Item, ItemState, Refusal, part_count, part_numbers, part_of
from shared.jobs import Counts, Ending, Job, JobState
from shared.outcomes import Outcome, StoredDerivative, canceled, failure, refused, success
from shared.recipes import PIPELINE_VERSION, BitDepth, Colored, Compression, FormatName, Pages, Recipe, resolve
from shared.registry import shipped
from shared.settings import Settings, environment, load

DOCS = Path(__file__).parents[2] / "docs"


def test_every_error_is_drawn_and_documented() -> None:
    """Each class of the tree is in its drawing, has a code of its own, and a row in docs/errors.md."""
    import shared.errors  # noqa: PLC0415

    drawing = shared.errors.__doc__ or ""
    text = (DOCS / "errors.md").read_text()
    codes = [error.code for error in errors()]
    assert len(codes) == len(set(codes))
    for error in errors():
        assert error.__name__ in drawing, error
        assert f"`{error.code}`" in text, error
        assert error.title().endswith("."), error
        assert 400 <= error.status < 600


def test_an_error_carries_words_and_facts() -> None:
    """Without words of its own an error says its docstring's first line; limit and value travel beside them."""
    bare, told = PhotochromError(), PhotochromError("Too long.", limit=3, seen=4)
    assert bare.detail == "Something went wrong in Photochrom."
    assert (str(told), told.extra) == ("Too long.", {"limit": 3, "seen": 4})


def test_settings_come_from_the_environment_once() -> None:
    """Variables are parsed by their form; overrides win; empty ones count as unset."""
    settings = load(
        {
            "PHOTOCHROM_MAX_BYTES": "1000",
            "PHOTOCHROM_S3_PATH_STYLE": "true",
            "PHOTOCHROM_PREVIEWS": "none",
            "PHOTOCHROM_MODELS_DIR": "/models",
            "PHOTOCHROM_API_PORT": "",
        },
        api_host="::1",
        workers=None,
    )
    assert settings.max_bytes == 1000
    assert settings.s3_path_style is True
    assert settings.previews == "none"
    assert settings.models_dir == Path("/models")
    assert settings.api_port == 8080
    assert settings.api_host == "::1"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MAX_BYTES", "many"), ("MAX_BYTES", "0"), ("FSYNC", "perhaps"), ("PREVIEWS", "some"), ("API_PORT", "70000")],
)
def test_a_bad_setting_fails_with_its_name(variable: str, value: str) -> None:
    """The message names the variable, the form of its value, an example and what was there."""
    with pytest.raises(InvalidSetting) as caught:
        load({f"PHOTOCHROM_{variable}": value})
    for part in (f"PHOTOCHROM_{variable}", "for example", repr(value)):
        assert part in caught.value.detail


def test_a_child_loads_the_same_settings() -> None:
    """The variables of a settings object give that object back."""
    settings = load({}, max_bytes=5, fsync=False, storage_url="/data", models_dir=Path("/m"))
    assert load(environment(settings)) == settings
    assert isinstance(settings, Settings)


def test_recipes_are_resolved_and_named() -> None:
    """Defaults are filled in, numbers rounded to 3 decimals; the digest names exactly what decides the pixels."""
    recipe = resolve({})
    assert recipe == resolve({"model": "lite", "temperature": 0.38, "chroma_gain": 1})
    assert resolve({"temperature": 0.12345}).temperature == 0.123
    assert recipe.digest != resolve({"temperature": 0.381}).digest
    assert json.loads(recipe.canonical()) == {
        "bit_depth": "master",
        "chroma_gain": 1,
        "colored": "recolor",
        "compression": "auto",
        "format": "master",
        "model": shipped().named("lite").digest,
        "pages": "first",
        "pipeline": PIPELINE_VERSION,
        "quality": 95,
        "temperature": 0.38,
    }
    assert resolve({"bit_depth": 16}) == resolve({"bit_depth": "16"})
    assert (
        recipe.canonical() == json.dumps(json.loads(recipe.canonical()), sort_keys=True, separators=(",", ":")).encode()
    )


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"temperature": 0.01}, id="too low"),
        pytest.param({"temperature": "warm"}, id="no number"),
        pytest.param({"chroma_gain": True}, id="a switch"),
        pytest.param({"seed": 1}, id="unknown field"),
        pytest.param({"model": 3}, id="no name"),
        pytest.param({"format": "bmp"}, id="a format that is only read"),
        pytest.param({"quality": 0}, id="no quality"),
        pytest.param({"quality": 80.5}, id="broken quality"),
        pytest.param({"bit_depth": 12}, id="unknown depth"),
        pytest.param({"bit_depth": True}, id="depth as a switch"),
        pytest.param({"format": "jpeg", "bit_depth": "16"}, id="16 bits in JPEG"),
        pytest.param({"format": "png", "compression": "lzw"}, id="LZW in PNG"),
        pytest.param({"format": "jp2", "pages": "all"}, id="pages in JPEG 2000"),
    ],
)
def test_a_bad_recipe_is_refused(request_: dict[str, object]) -> None:
    """Unknown fields and values out of range are refused."""
    with pytest.raises(InvalidRecipe):
        resolve(request_)


def test_models_are_known_by_name_and_digest() -> None:
    """The registry finds models both ways and names those it has."""
    known = shipped()
    lite = known.named("lite")
    assert known.by_digest(lite.digest) is lite
    assert known.by_digest("0" * 64) is None
    assert (known.name_of(lite.digest), known.name_of("ab" * 32)) == ("lite", "abababababab")
    with pytest.raises(UnknownModel, match="lite, eccv16, eccv16-norebal"):
        known.named("heavy")


def test_a_model_without_a_digest_cannot_be_named_in_a_recipe() -> None:
    """A recipe takes the digests of whoever resolves it; a model that has none yet is missing."""
    with pytest.raises(ModelMissing, match="`photochrom models pull eccv16-norebal`"):
        resolve({"model": "eccv16-norebal"})
    assert resolve({"model": "museum"}, {"museum": "cd" * 32}.__getitem__).model == "cd" * 32


def test_the_shipped_registry_holds_together() -> None:
    """Each model has files with digests where they are published, and the weights' digest is the model's."""
    for model in shipped().models:
        *_, weights = model.files
        assert model.digest == weights.sha256
        assert model.ships or all(file.mirrors for file in model.files)
        assert all(address.startswith("https://") for file in model.files for address in file.mirrors)


def test_models_lie_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting models are kept where the XDG specification says, and children are told so."""
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert load({}).models_dir == Path("/data/photochrom/models")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert load({}).models_dir == Path("/home/me/.local/share/photochrom/models")
    assert environment(load({}))["PHOTOCHROM_MODELS_DIR"] == "/home/me/.local/share/photochrom/models"


def test_formats_are_told_by_their_first_bytes() -> None:
    """Each magic is recognized, whatever follows; other bytes are not."""
    for fmt in FORMATS:
        for magic in fmt.magic:
            assert len(magic) <= SNIFF_BYTES
            assert sniff(magic + b"more") is fmt
    assert sniff(b"GIF89a") is None
    assert sniff(b"") is None


def test_ids_are_uuid7_and_sort_by_time() -> None:
    """Ids made later sort later."""
    ids = [new_id() for _ in range(100)]
    assert ids == sorted(ids)
    assert all(is_id(text) and uuid.UUID(text).version == 7 for text in ids)
    assert not is_id(ids[0].upper())
    assert not is_id("nonsense")


@given(st.integers(1, 1_000_000))
def test_parts_hold_every_item_once(total: int) -> None:
    """The parts of a job follow each other without gap or overlap."""
    last = part_numbers(part_count(total) - 1, total)
    assert last.stop == total
    assert part_of(total - 1) == part_count(total) - 1
    assert part_numbers(0, total).start == 0
    assert 1 <= len(last) <= 1000


@given(st.sets(st.integers(0, 200)))
def test_bitmaps_have_the_bits_of_redis(numbers: set[int]) -> None:
    """Bit n counts from the most significant bit of the first byte."""
    bits = bitmap(sorted(numbers), 201)
    found = {n for n in range(len(bits) * 8) if bits[n // 8] >> (7 - n % 8) & 1}
    assert found == numbers


def test_values_travel_as_json() -> None:
    """Every value comes back from its JSON as it was."""
    recipe = resolve({})
    job = Job(id=new_id(), tenant="a", created=1.5, model="lite", recipe=recipe, total=3)
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
    assert isinstance(job.recipe, Recipe)
    item = Item(number=1, master=None, filename="a", refusal=Refusal(code="c", detail="d"))
    assert Item.from_json(json.loads(json.dumps(item.to_json()))) == item
    ending = Ending(state=JobState.CANCELED, counts=Counts(succeeded=1, canceled=2), finished=3.0)
    assert Ending.from_json(json.loads(json.dumps(ending.to_json()))) == ending
    made = StoredDerivative(key="k", sha256="s", size=1, media_type="image/png", width=2, height=3)
    for outcome in (
        success(item, derivative=made, warnings=("low_color",), delta_l={"max": 0.1}),
        failure(item, Corrupt("words")),
        refused(item),
        canceled(item),
    ):
        assert Outcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome


def test_only_a_refused_item_ends_as_refused() -> None:
    """An item that was not refused has no refusal to end with."""
    with pytest.raises(ValueError, match="not refused"):
        refused(Item(number=0, master="a", filename="a"))
    assert canceled(Item(number=0, master="a", filename="a")).state is ItemState.CANCELED


def test_keys_of_tenants_are_apart() -> None:
    """Everything of a tenant lies below its prefix, and nothing of another's does."""
    digest, job = "ab" * 32, new_id()
    keys = [
        layout.master("x", digest),
        layout.derivative("x", digest, digest, "jpg"),
        layout.sidecar("x", digest, digest),
        layout.preview("x", digest, digest),
        layout.master_preview("x", digest),
        layout.job("x", job),
        layout.manifest("x", job, 0),
        layout.done_record("x", job, 0, 7),
        layout.report("x", job, 0),
        layout.canceled("x", job),
        layout.finished("x", job),
        layout.idempotency("x", digest),
    ]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("t/x/") for key in keys)


def test_bells_are_topped_up() -> None:
    """As many bells as are wanted wait; more are not rung."""
    bells = MemoryBells()
    top_up(bells, "m", 3)
    top_up(bells, "m", 2)
    assert bells.waiting("m") == 3
    assert queue("m").name == "bell.m"


def test_broker_addresses_are_those_of_kombu() -> None:
    """A socket's address is rewritten for kombu; a TCP one is not."""
    assert broker_settings("unix:///run/v.sock")["broker_url"] == "redis+socket:///run/v.sock"
    assert broker_settings("redis://h:1/0")["broker_url"] == "redis://h:1/0"


def test_clocks() -> None:
    """The manual clock moves only when told; timestamps are RFC 3339 in UTC."""
    clock = ManualClock(10.0)
    clock.sleep(5)
    assert clock.now() == 15.0
    before = SystemClock().now()
    SystemClock().sleep(0)
    assert SystemClock().now() >= before
    assert timestamp(0.25) == "1970-01-01T00:00:00.250Z"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("format", FormatName),
        ("compression", Compression),
        ("bit_depth", BitDepth),
        ("pages", Pages),
        ("colored", Colored),
    ],
)
def test_the_commands_offer_what_a_recipe_takes(option: str, words: object) -> None:
    """The client says the choices of a recipe again: they are the same, in both commands."""
    for command in (submit, colorize):
        (found,) = (parameter for parameter in command.params if parameter.name == option)
        assert tuple(found.type.choices) == get_args(words)


def test_the_client_sends_what_the_service_reads(tmp_path: Path) -> None:
    """The client says the first bytes of each format again: it takes the same files for pictures."""
    heads = [magic for fmt in FORMATS for magic in fmt.magic]
    for head in [*heads, b"GIF89a", b"BMW, a catalog", b"RIFF    WAVE", b""]:
        file = tmp_path / "file"
        file.write_bytes(head + bytes(8))
        assert is_picture(file) == (sniff(head + bytes(8)) is not None), head
