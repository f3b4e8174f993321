"""Provenance: what the metadata of a derivative says of it."""

from __future__ import annotations

from shared.recipes import resolve
from shared.registry import shipped
from tests.worker.metadata.blocks import IPTC, XMP, exif_block
from worker.metadata.exif import clean
from worker.pictures import Metadata
from worker.provenance import SOURCE_TYPE, marked, sentence

MASTER = "a" * 64


def test_the_marks_name_net_recipe_and_master() -> None:
    """The packet has kind, model with digest, the digests of recipe and master, and the sentence."""
    recipe = resolve({})
    metadata, warnings = marked(Metadata(), master=MASTER, recipe=recipe, model="lite")
    assert warnings == ()
    assert metadata.xmp is not None
    model = shipped().named("lite")
    for words in (SOURCE_TYPE, f"{model.name} sha256:{model.digest}", recipe.digest, MASTER, sentence("lite")):
        assert words in metadata.xmp.decode()


def test_other_blocks_are_left_as_they_are() -> None:
    """EXIF and IPTC are the master's; only the XMP packet is another."""
    before = Metadata(exif=clean(exif_block())[1], iptc=IPTC, xmp=XMP)
    after, _ = marked(before, master=MASTER, recipe=resolve({}), model="lite")
    assert (after.exif, after.iptc) == (before.exif, before.iptc)
    assert after.xmp is not None
    assert b"City Archive" in after.xmp


def test_a_packet_that_cannot_be_read_is_told_of() -> None:
    """The marks stand alone then."""
    alone, _ = marked(Metadata(), master=MASTER, recipe=resolve({}), model="lite")
    assert marked(Metadata(xmp=b"hello"), master=MASTER, recipe=resolve({}), model="lite") == (
        alone,
        ("metadata_unreadable",),
    )


def test_the_sentence_names_the_net_and_says_that_it_guesses() -> None:
    """A person reads which net added the colors."""
    assert "lite" in sentence("lite")
    assert "a guess" in sentence("lite")
