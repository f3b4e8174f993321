"""Extended XMP: a packet in two parts, of which the first fits a segment and has the marks."""

from __future__ import annotations

import hashlib
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.metadata.blocks import MARKS, SENTENCE, XMP
from worker.metadata import extensions, xmp
from worker.metadata.packets import Unreadable

LIMIT = 65_504


def large(properties: str) -> bytes:
    """Returns a derivative's packet with more properties."""
    more = f'<a:more xmlns:a="http://a.example/">{properties}</a:more>'.encode()
    return xmp.merged(XMP.replace(b"</rdf:Description>", more + b"</rdf:Description>", 1), MARKS)[0]


def test_the_first_part_has_the_marks_and_names_the_second() -> None:
    """A program that knows nothing of extensions reads what the picture is; one that does finds the rest."""
    packet = large("x" * 100_000)
    main, extension, digest = extensions.split(packet, LIMIT)
    assert len(main) <= LIMIT
    assert digest == hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()
    assert f'HasExtendedXMP="{digest}"'.encode() in main
    for mark in (MARKS.source_type, MARKS.master, MARKS.version, SENTENCE, "City Archive"):
        assert mark.encode() in main
    assert b"x" * 100_000 in extension
    assert not extension.startswith(b"<?xpacket")


@given(
    texts=st.lists(st.text('abc&"<>ä', max_size=50), max_size=20),
    limit=st.integers(6_000, LIMIT),
)
def test_nothing_is_lost_or_doubled(texts: list[str], limit: int) -> None:
    """Each top-level property is in one of the parts, and the first keeps within the limit."""
    escaped = [text.replace("&", "&amp;").replace("<", "&lt;") for text in texts]
    packet = large("".join(f"<a:t>{text}</a:t>" for text in escaped))
    main, extension, _ = extensions.split(packet, limit)
    assert len(main) <= limit

    def properties(text: bytes) -> list[str]:
        nodes = fromstring(text).findall(".//{*}RDF/{*}Description")
        named = [key for node in nodes for key in node.attrib if not key.endswith("about")]
        return [*named, *(child.tag for node in nodes for child in node)]

    halves = [key for key in properties(main) + properties(extension) if not key.endswith("HasExtendedXMP")]
    assert sorted(halves) == sorted(properties(packet))


def test_attributes_keep_within_the_limit_as_well() -> None:
    """Thousands of properties that are written as attributes are divided between the parts."""
    many = " ".join(f'archive:p{number}="{"v" * 50}"' for number in range(3000))
    packet, _ = xmp.merged(XMP.replace(b"archive:signature", many.encode() + b" archive:signature"), MARKS)
    main, extension, _ = extensions.split(packet, LIMIT)
    assert len(main) <= LIMIT
    assert b'archive:p0="' in main
    assert b'archive:p2999="' in extension


def test_a_packet_that_cannot_be_read_cannot_be_split() -> None:
    """The caller hears of it."""
    with pytest.raises(Unreadable):
        extensions.split(b"hello", LIMIT)
