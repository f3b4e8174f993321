"""XMP: the master's packet with the marks of a derivative, and packets that mean harm."""

from __future__ import annotations

import random
import struct
from xml.etree.ElementTree import Element, fromstring

import pytest

from tests.worker.metadata.blocks import MARKS, SENTENCE, XMP
from worker.metadata import extensions, packets, xmp
from worker.readers.extended_xmp import Extension, joined

SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stRef": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "archive": "http://archive.example/ns/",
}
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def name(qualified: str) -> str:
    """Returns prefix:local as ElementTree has it."""
    prefix, local = qualified.split(":")
    return f"{{{SPACES[prefix]}}}{local}"


def merged(packet: bytes | None) -> Element:
    """Returns the packet of a derivative as ElementTree reads it; its master's can be read."""
    text, warnings = xmp.merged(packet, MARKS)
    assert warnings == ()
    return fromstring(text)


def prop(root: Element, qualified: str) -> list[str]:
    """Returns the values of a simple property, as attribute or element, of the top-level nodes."""
    nodes = root.findall(f".//{name('rdf:RDF')}/{name('rdf:Description')}")
    found = [node.attrib[name(qualified)] for node in nodes if name(qualified) in node.attrib]
    return found + [child.text or "" for node in nodes for child in node.findall(name(qualified))]


def descriptions(root: Element) -> dict[str, str]:
    """Returns dc:description by language."""
    items = root.findall(f".//{name('dc:description')}/{name('rdf:Alt')}/{name('rdf:li')}")
    return {item.attrib[LANGUAGE]: item.text or "" for item in items}


def wrapped(properties: str) -> bytes:
    """Returns a packet with properties as XML."""
    spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in SPACES.items())
    return f'<rdf:RDF {spaces}><rdf:Description rdf:about="">{properties}</rdf:Description></rdf:RDF>'.encode()


@pytest.mark.parametrize("packet", [None, XMP, wrapped(""), wrapped("").replace(b"Description", b"Nothing")])
def test_every_packet_says_what_the_picture_is(packet: bytes | None) -> None:
    """Kind, system, version, master and recipe stand in the packet, each once, whatever the master had."""
    root = merged(packet)
    assert prop(root, "Iptc4xmpExt:DigitalSourceType") == [MARKS.source_type]
    assert prop(root, "Iptc4xmpExt:AISystemUsed") == ["Photochrom"]
    assert prop(root, "Iptc4xmpExt:AISystemVersionUsed") == [MARKS.version]
    (source,) = root.findall(f".//{name('xmpMM:DerivedFrom')}")
    assert source.attrib[name("stRef:documentID")] == f"sha256:{MARKS.master}"
    event = root.findall(f".//{name('xmpMM:History')}/{name('rdf:Seq')}/{name('rdf:li')}")[-1]
    assert event.attrib == {
        name("stEvt:action"): "derived",
        name("stEvt:softwareAgent"): "Photochrom",
        name("stEvt:parameters"): f"recipe sha256:{MARKS.recipe}",
    }
    assert SENTENCE in descriptions(root)["x-default"]


def test_what_the_master_says_is_kept() -> None:
    """Its creator, credit, place, signature, documents and history come through, with the prefixes they had."""
    text, _ = xmp.merged(XMP, MARKS)
    root = fromstring(text)
    assert root.findall(f".//{name('dc:creator')}//{name('rdf:li')}")[0].text == "Zoë Müller"
    assert prop(root, "photoshop:Credit") == ["City Archive"]
    assert prop(root, "Iptc4xmpCore:Location") == ["Rue de Rivoli"]
    assert prop(root, "archive:signature") == ['F 12/3 "b" <1>']
    assert prop(root, "xmpMM:DocumentID") == ["xmp.did:old"]
    events = root.findall(f".//{name('xmpMM:History')}/{name('rdf:Seq')}/{name('rdf:li')}")
    assert [event.attrib[name("stEvt:action")] for event in events] == ["scanned", "derived"]
    for prefix in (b"archive:signature=", b"<Iptc4xmpCore:Location>", b"photoshop:Credit="):
        assert prefix in text


def test_each_language_keeps_its_words() -> None:
    """The sentence is added to what each language says."""
    assert descriptions(merged(XMP)) == {
        "x-default": f"A street\n{SENTENCE}",
        "de-DE": f"Eine Straße\n{SENTENCE}",
    }


def test_what_was_true_of_the_old_file_goes() -> None:
    """Orientation, size, color mode and thumbnails are left out; the old instance is what this one derives from."""
    root = merged(XMP)
    for gone in ("tiff:Orientation", "tiff:ImageWidth", "photoshop:ColorMode", "xmpMM:InstanceID"):
        assert prop(root, gone) == []
    assert b"Thumbnails" not in xmp.merged(XMP, MARKS)[0]
    (source,) = root.findall(f".//{name('xmpMM:DerivedFrom')}")
    assert source.attrib[name("stRef:instanceID")] == "xmp.iid:old"


def test_what_hangs_on_the_old_file_goes() -> None:
    """A film behind the picture, a gain map and other pictures in the file are not told of; the camera's rest is."""
    spaces = (
        'xmlns:c="http://ns.google.com/photos/1.0/camera/" xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" '
        'xmlns:d="http://ns.google.com/photos/1.0/container/"'
    )
    text, _ = xmp.merged(
        wrapped(
            f"<c:MotionPhoto {spaces}>1</c:MotionPhoto><c:MicroVideoOffset {spaces}>9</c:MicroVideoOffset>"
            f"<c:SpecialTypeID {spaces}>x</c:SpecialTypeID><h:Version {spaces}>1.0</h:Version>"
            f"<d:Directory {spaces}><rdf:Seq><rdf:li>film</rdf:li></rdf:Seq></d:Directory>"
        ),
        MARKS,
    )
    for gone in (b"MotionPhoto", b"MicroVideo", b"Version>1.0", b"Directory", b"film"):
        assert gone not in text
    assert b"SpecialTypeID" in text


def test_no_program_is_told_to_show_the_derivative_gray() -> None:
    """Lightroom's order to convert to gray goes; its other settings stay."""
    space = 'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"'
    text, _ = xmp.merged(
        wrapped(
            f"<crs:ConvertToGrayscale {space}>True</crs:ConvertToGrayscale>"
            f"<crs:Exposure2012 {space}>+0.50</crs:Exposure2012>"
        ),
        MARKS,
    )
    assert b"ConvertToGrayscale" not in text
    assert b">+0.50<" in text


@pytest.mark.parametrize(
    ("packet", "orientation"),
    [
        pytest.param(XMP, 6, id="attribute"),
        pytest.param(wrapped("<tiff:Orientation> 8 </tiff:Orientation>"), 8, id="element"),
        pytest.param(wrapped("<tiff:Orientation>9</tiff:Orientation>"), 1, id="none that exists"),
        pytest.param(wrapped("<tiff:Orientation/>"), 1, id="empty"),
        pytest.param(wrapped("<archive:Orientation>6</archive:Orientation>"), 1, id="somebody else's"),
        pytest.param(wrapped(""), 1, id="none"),
        pytest.param(b"<Orientation", 1, id="no packet"),
    ],
)
def test_the_orientation_that_a_packet_states(packet: bytes, orientation: int) -> None:
    """tiff:Orientation of 1..8 is told; anything else is upright."""
    assert xmp.orientation(packet) == orientation


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        pytest.param("<dc:description>A street</dc:description>", "A street\n", id="plain text"),
        pytest.param("<dc:description/>", "", id="nothing"),
        pytest.param(
            '<dc:description><rdf:Bag><rdf:li xml:lang="x-default">A street</rdf:li></rdf:Bag></dc:description>',
            "A street\n",
            id="the wrong kind of array",
        ),
        pytest.param(
            '<dc:description><rdf:Alt><rdf:li xml:lang="fr">Une rue</rdf:li></rdf:Alt></dc:description>',
            "Une rue\n",
            id="no default language",
        ),
    ],
)
def test_descriptions_that_are_not_as_they_should_be(properties: str, words: str) -> None:
    """What was meant is the default language's text."""
    assert descriptions(merged(wrapped(properties)))["x-default"] == words + SENTENCE


def test_a_derivative_of_a_derivative_says_it_once() -> None:
    """Marks are replaced, the sentence is not repeated, the history grows."""
    once, _ = xmp.merged(XMP, MARKS)
    root = merged(once)
    assert descriptions(root)["de-DE"] == f"Eine Straße\n{SENTENCE}"
    assert prop(root, "Iptc4xmpExt:DigitalSourceType") == [MARKS.source_type]
    assert len(root.findall(f".//{name('xmpMM:DerivedFrom')}")) == 1
    assert len(root.findall(f".//{name('stEvt:action')}")) == 0
    assert xmp.merged(once, MARKS)[0].count(b'stEvt:action="derived"') == 2


def test_a_prefix_that_means_something_else_is_left_to_it() -> None:
    """Where the master uses one of our prefixes for a namespace of its own, ours gets another."""
    properties = '<stRef:x xmlns:stRef="urn:other">1</stRef:x>'
    packet = wrapped(properties).replace(f'xmlns:stRef="{SPACES["stRef"]}"'.encode(), b"")
    text, _ = xmp.merged(packet, MARKS)
    assert b"<stRef:x>1</stRef:x>" in text
    (source,) = fromstring(text).findall(f".//{name('xmpMM:DerivedFrom')}")
    assert source.attrib[name("stRef:documentID")] == f"sha256:{MARKS.master}"


def test_the_same_packet_gives_the_same_bytes() -> None:
    """Nothing in a packet depends on time or chance."""
    assert xmp.merged(XMP, MARKS) == xmp.merged(XMP, MARKS)


def test_a_packet_can_be_found_by_scanning() -> None:
    """It stands between the instructions that ISO 16684-1 gives for that, in UTF-8."""
    text, _ = xmp.merged(None, MARKS)
    assert text.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'.encode())
    assert text.endswith(b'<?xpacket end="w"?>')


LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a0 "ha">'
    + b"".join(b'<!ENTITY a%d "&a%d;&a%d;&a%d;&a%d;">' % (n, n - 1, n - 1, n - 1, n - 1) for n in range(1, 30))
    + b"]>"
)


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(LAUGHS + wrapped("<dc:format>&a29;</dc:format>"), id="a billion laughs"),
        pytest.param(
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + wrapped("<dc:format>&e;</dc:format>"),
            id="a file from outside",
        ),
        pytest.param(wrapped("<dc:format>&undefined;</dc:format>"), id="an entity that is not defined"),
        pytest.param(wrapped("<dc:format>" + "x" * packets.MOST_BYTES + "</dc:format>"), id="too many bytes"),
        pytest.param(wrapped("<dc:format/>" * packets.MOST_NODES), id="too many elements"),
        pytest.param(wrapped("<dc:format>" * 200 + "</dc:format>" * 200), id="too deep"),
        pytest.param(XMP.decode().encode("utf-16"), id="another encoding than it was said to have"),
        pytest.param(
            b"<?xml version='1.0' encoding='latin-1'?>" + wrapped("Ä").decode().encode("latin-1"), id="Latin-1"
        ),
        pytest.param(XMP[:700], id="cut off"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * 100, id="padding alone"),
        pytest.param(b"<html/>", id="other XML"),
        pytest.param(b"hello", id="no XML"),
    ],
)
def test_a_packet_that_cannot_be_read_is_replaced_by_ours(packet: bytes) -> None:
    """Hostile and broken packets are left out with a warning, and the marks stand alone."""
    text, warnings = xmp.merged(packet, MARKS)
    assert text == xmp.merged(None, MARKS)[0]
    assert warnings == (("metadata_unreadable",) if packet else ())


SWELLING = {
    "elements": lambda count: "<archive:x/>" * count,
    "attributes": lambda count: "".join(f'<archive:x rdf:parseType="{number}"/>' for number in range(count // 2)),
    "namespaces": lambda count: "".join(f'<x xmlns="urn:{number}"/>' for number in range(count // 2)),
}


@pytest.mark.parametrize("kind", SWELLING)
def test_what_is_written_can_be_read(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As full as a packet may be: what is made of it is read as any, also where a JPEG cuts it in two."""
    monkeypatch.setattr(packets, "MOST_NODES", 10_000)
    kept = []
    for missing in (0, 20, 60, 500, 1_500):
        packet = wrapped(SWELLING[kind](packets.MOST_NODES - missing))
        text, warnings = xmp.merged(packet, MARKS)
        again, of_again = xmp.merged(text, MARKS)
        kept.append(not warnings)
        assert of_again == ()
        main, extension, digest = extensions.split(again, 9_000)
        parts = Extension()
        parts.add(memoryview(struct.pack(">32sII", digest.encode(), len(extension), 0) + extension))
        whole = joined(main, parts)
        assert whole
        assert packets.read(whole).rdf.tag == name("rdf:RDF")
    assert kept == sorted(kept)
    assert kept[-1]


@pytest.mark.parametrize(
    "properties",
    [
        pytest.param("<dc:source>" + ">" * 12_000_000 + "</dc:source>", id="escapes"),
        pytest.param("<archive:x>" * 98 + "</archive:x>" * 98, id="depth"),
        pytest.param("<dc:source>" + "x" * (packets.MOST_BYTES - 2_000) + "</dc:source>", id="bytes"),
    ],
)
def test_a_packet_that_would_swell_beyond_bounds_is_left_out(properties: str) -> None:
    """It could be read, but with the marks not again: the marks stand alone, and a warning says so."""
    packet = wrapped(properties)
    assert packets.read(packet)
    assert xmp.merged(packet, MARKS) == (xmp.merged(None, MARKS)[0], ("metadata_unreadable",))


def test_a_large_packet_within_bounds_is_kept() -> None:
    """Ten megabytes of one property come through."""
    packet = wrapped("<archive:log>" + "x" * 10_000_000 + "</archive:log>")
    assert len(prop(merged(packet), "archive:log")[0]) == 10_000_000


def test_what_stands_behind_a_packet_is_no_part_of_it() -> None:
    """Padding and bytes behind the end instruction do not make a packet unreadable."""
    assert prop(merged(XMP + b"\0" * 50 + b"rubbish"), "photoshop:Credit") == ["City Archive"]


def test_damaged_packets_never_raise() -> None:
    """Of five hundred packets with wrong bytes each gives a packet that can be read and has the marks."""
    chance = random.Random(1888)
    for _ in range(500):
        data = bytearray(XMP)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        text, _ = xmp.merged(bytes(data), MARKS)
        assert prop(fromstring(text), "Iptc4xmpExt:DigitalSourceType") == [MARKS.source_type]


def test_a_description_in_a_thousand_languages_does_not_swell() -> None:
    """The sentence is told in as many as there are in earnest; no language is lost."""
    items = b"".join(b'<rdf:li xml:lang="x-%d"/>' % number for number in range(50_000))
    start, end = XMP.index(b"<rdf:li xml:lang"), XMP.index(b"</rdf:Alt></dc:description>")
    packet, warnings = xmp.merged(XMP[:start] + items + XMP[end:], MARKS)
    assert warnings == ()
    assert len(packet) < len(items) + 500_000
    assert packet.count(b'xml:lang="x-') == 50_001
    assert packet.count(SENTENCE.encode()) > 1
