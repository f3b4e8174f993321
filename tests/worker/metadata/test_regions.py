"""Regions: a face that was marked in the scan is marked in the derivative, however the picture was turned."""

from __future__ import annotations

import io
import struct
import zlib
from xml.etree.ElementTree import Element, fromstring

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.recipes import resolve
from tests.worker.metadata.blocks import MARKS
from tests.worker.metadata.test_turns import INVERSE
from worker.metadata import exif, xmp
from worker.metadata.directories import Layout, header, pack, short
from worker.metadata.turns import Turn
from worker.provenance import marked
from worker.readers import open_master
from worker.readers.png_chunks import SIGNATURE, make_chunk

#: Size of the picture as it lies in its file, and the pixels of a face in it: left, top, width, height.
WIDTH, HEIGHT = 40, 20
FACE = (6, 2, 8, 4)

SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "exif": "http://ns.adobe.com/exif/1.0/",
}

#: The face as each standard has it, and as different writers put it: fields as attributes, as elements, in a node.
AREA = 'stArea:x="0.25" stArea:y="0.2" stArea:w="0.2" stArea:h="0.2" stArea:unit="normalized"'
MWG = (
    '<mwg-rs:Regions rdf:parseType="Resource">'
    '<mwg-rs:AppliedToDimensions stDim:w="40" stDim:h="20" stDim:unit="pixel"/><mwg-rs:RegionList><rdf:Bag>{}'
    "</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
)
MICROSOFT = '<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>{}</rdf:Bag></MPRI:Regions></MP:RegionInfo>'
IPTC = (
    '<Iptc4xmpExt:ImageRegion><rdf:Bag><rdf:li rdf:parseType="Resource"><Iptc4xmpExt:Name>Ada</Iptc4xmpExt:Name>'
    '<Iptc4xmpExt:RegionBoundary rdf:parseType="Resource">{}</Iptc4xmpExt:RegionBoundary></rdf:li></rdf:Bag>'
    "</Iptc4xmpExt:ImageRegion>"
)
RECTANGLE = ("rbX", "rbY", "rbW", "rbH")
SUBJECT = "<exif:SubjectArea><rdf:Seq>{}</rdf:Seq></exif:SubjectArea>"


def boundary(shape: str, unit: str, **fields: object) -> str:
    """A boundary of the IPTC's, as elements."""
    told = {"rbShape": shape, "rbUnit": unit, **fields}
    inside = "".join(f"<Iptc4xmpExt:{name}>{value}</Iptc4xmpExt:{name}>" for name, value in told.items())
    return IPTC.format(inside)


def vertices(*points: tuple[object, object]) -> str:
    """Vertices of a polygon of the IPTC's."""
    items = (f'<rdf:li Iptc4xmpExt:rbX="{x}" Iptc4xmpExt:rbY="{y}"/>' for x, y in points)
    return f"<rdf:Seq>{''.join(items)}</rdf:Seq>"


MARKED = {
    "MWG, attributes": MWG.format(
        f'<rdf:li><rdf:Description mwg-rs:Name="Ada"><mwg-rs:Area {AREA}/></rdf:Description></rdf:li>'
    ),
    "MWG, elements": MWG.format(
        '<rdf:li rdf:parseType="Resource"><mwg-rs:Name>Ada</mwg-rs:Name><mwg-rs:Area rdf:parseType="Resource">'
        "<stArea:x>0.25</stArea:x><stArea:y>0.2</stArea:y><stArea:w>0.2</stArea:w><stArea:h>2E-1</stArea:h>"
        "<stArea:unit>normalized</stArea:unit></mwg-rs:Area></rdf:li>"
    ),
    "MWG, a node": MWG.format(
        f'<rdf:li mwg-rs:Name="Ada"><mwg-rs:Area><rdf:Description {AREA}/></mwg-rs:Area></rdf:li>'
    ),
    "Microsoft, attributes": MICROSOFT.format(
        '<rdf:li MPReg:PersonDisplayName="Ada" MPReg:Rectangle="0.15, 0.1, 0.2, 0.2"/>'
    ),
    "Microsoft, elements": MICROSOFT.format(
        '<rdf:li rdf:parseType="Resource"><MPReg:PersonDisplayName>Ada</MPReg:PersonDisplayName>'
        "<MPReg:Rectangle>0.15,0.1,0.2,0.2</MPReg:Rectangle></rdf:li>"
    ),
    "IPTC, relative": boundary("rectangle", "relative", rbX=0.15, rbY=0.1, rbW=0.2, rbH=0.2),
    "IPTC, pixels": boundary("rectangle", "pixel", rbX=6, rbY=2, rbW=8, rbH=4),
    "IPTC, polygon": boundary(
        "polygon", "relative", rbVertices=vertices((0.15, 0.1), (0.35, 0.1), (0.35, 0.3), (0.15, 0.3))
    ),
    "IPTC, polygon of pixels": boundary("polygon", "pixel", rbVertices=vertices((6, 2), (14, 2), (14, 6), (6, 6))),
}


def packet(properties: str) -> bytes:
    """A packet with properties as XML."""
    spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in SPACES.items())
    return f'<rdf:RDF {spaces}><rdf:Description rdf:about="">{properties}</rdf:Description></rdf:RDF>'.encode()


def png(samples: np.ndarray, orientation: int, properties: str) -> bytes:
    """A gray PNG by hand with an orientation and a packet."""
    height, width = samples.shape
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    block = header(8, Layout()) + pack({274: short(orientation)}, 8, Layout())
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"eXIf", block),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet(properties)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return SIGNATURE + b"".join(make_chunk(kind, body) for kind, body in chunks)


def told(root: Element) -> dict[str, str]:
    """Every simple field of a packet by its local name, attribute or element; those that are there twice as a list."""
    found: dict[str, list[str]] = {}
    for element in root.iter():
        for name, text in [*element.attrib.items(), (element.tag, (element.text or "").strip())]:
            if text:
                found.setdefault(name.rpartition("}")[2], []).append(text)
    return {name: " ".join(texts) for name, texts in found.items()}


def face(root: Element, width: int, height: int) -> tuple[int, ...]:
    """The pixels of the face in a packet: left, top, width, height."""
    fields = told(root)
    if "Rectangle" in fields:
        left, top, wide, high = map(float, fields["Rectangle"].split(","))
    elif "x" in fields:
        wide, high = float(fields["w"].split()[-1]), float(fields["h"].split()[-1])
        left, top = float(fields["x"]) - wide / 2, float(fields["y"]) - high / 2
    else:
        xs, ys = ([float(number) for number in fields[name].split()] for name in ("rbX", "rbY"))
        left, top = min(xs), min(ys)
        wide, high = float(fields.get("rbW", max(xs) - left)), float(fields.get("rbH", max(ys) - top))
    if fields.get("rbUnit") == "pixel":
        width = height = 1
    return tuple(round(number, 6) for number in (left * width, top * height, wide * width, high * height))


def turned(properties: str, orientation: int, **sides: int) -> tuple[Element, tuple[str, ...]]:
    """The packet of a derivative whose picture was turned, and warnings."""
    turn = Turn(orientation=orientation, **{"width": WIDTH, "height": HEIGHT, **sides})
    text, warnings = xmp.merged(packet(properties), MARKS, turn=turn)
    return fromstring(text), warnings


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("how", MARKED)
def test_a_face_is_marked_where_it_is(how: str, orientation: int) -> None:
    """A mark that was painted into the master at a region lies in the region that the derivative tells of."""
    samples = np.zeros((HEIGHT, WIDTH), np.uint8)
    samples[FACE[1] : FACE[1] + FACE[3], FACE[0] : FACE[0] + FACE[2]] = 255
    page = open_master(io.BytesIO(png(samples, orientation, MARKED[how]))).pages[0]
    metadata, warnings = marked(page.header.metadata, master="0" * 64, recipe=resolve({}), model="lite")
    assert warnings == ()
    assert metadata.xmp
    root = fromstring(metadata.xmp)
    upright = np.concatenate(list(page.strips()))
    rows, columns = np.nonzero(upright)
    painted = columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
    assert face(root, page.header.width, page.header.height) == painted
    assert "Ada" in told(root).values()
    if how.startswith("MWG"):
        size = told(root)["w"].split()[0], told(root)["h"].split()[0]
        assert size == (str(page.header.width), str(page.header.height))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("how", MARKED)
def test_a_face_comes_back(how: str, orientation: int) -> None:
    """A picture that is turned, and turned back, has its face where it was."""
    root, _ = turned(MARKED[how], orientation)
    sides = {"width": HEIGHT, "height": WIDTH} if orientation > 4 else {}
    turn = Turn(orientation=orientation, width=WIDTH, height=HEIGHT)
    once, _ = xmp.merged(packet(MARKED[how]), MARKS, turn=turn)
    back = Turn(orientation=INVERSE[orientation], **{"width": WIDTH, "height": HEIGHT, **sides})
    again, warnings = xmp.merged(once, MARKS, turn=back)
    assert warnings == ()
    assert face(fromstring(again), WIDTH, HEIGHT) == FACE
    assert face(root, HEIGHT if sides else WIDTH, WIDTH if sides else HEIGHT) != FACE


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_circle_keeps_its_size(orientation: int) -> None:
    """The radius is a part of the width, which is another when the picture lies on its side; pixels stay pixels."""
    relative, _ = turned(boundary("circle", "relative", rbX=0.25, rbY=0.2, rbRx=0.1), orientation)
    pixels, _ = turned(boundary("circle", "pixel", rbX=10, rbY=4, rbRx=4), orientation)
    width, height = (HEIGHT, WIDTH) if orientation > 4 else (WIDTH, HEIGHT)
    assert float(told(pixels)["rbRx"]) == 4
    assert float(told(relative)["rbRx"]) * width == pytest.approx(4)
    for name, side in (("rbX", width), ("rbY", height)):
        assert float(told(relative)[name]) * side == pytest.approx(float(told(pixels)[name]))


def test_a_circle_of_a_long_strip_is_turned() -> None:
    """The largest radius that is believed, of a picture far wider than high, is a number still."""
    root, warnings = turned(boundary("circle", "relative", rbX=0, rbY=0, rbRx=999_999_999), 6, width=10**9, height=1)
    assert (float(told(root)["rbRx"]), warnings) == (999_999_999e9, ())


@given(text=st.from_regex(r"[+-]?[0-9]{0,12}(\.[0-9]{0,12})?([eE][+-]?[0-9]{1,20})?|[+-]?(s?NaN|Inf)", fullmatch=True))
def test_no_number_is_too_much(text: str) -> None:
    """Whatever stands for a number is turned, or left out and told of."""
    root, warnings = turned(boundary("circle", "relative", rbX=text, rbY=text, rbRx=text), 6)
    assert bool(warnings) is ("rbX" not in told(root))


def test_space_around_a_number_is_no_part_of_it() -> None:
    """A packet that was set out for people, each number on a line of its own, has its regions turned."""
    spaced = {name: f"\n{' ' * 50}{number}\n{' ' * 50}" for name, number in zip(RECTANGLE, FACE, strict=True)}
    root, warnings = turned(boundary("rectangle", "pixel", **spaced), 3)
    assert (face(root, WIDTH, HEIGHT), warnings) == ((26, 14, 8, 4), ())


@pytest.mark.parametrize(
    ("numbers", "wanted"), [((6, 2), (17, 6)), ((6, 2, 9), (17, 6, 9)), ((6, 2, 8, 4), (17, 6, 4, 8))]
)
def test_the_subject_is_turned_in_both_blocks(numbers: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Area and place of the subject are the same pixels in EXIF and in XMP."""
    root, warnings = turned(SUBJECT.format("".join(f"<rdf:li>{number}</rdf:li>" for number in numbers)), 6)
    items = root.findall(f".//{{{SPACES['exif']}}}SubjectArea//{{{SPACES['rdf']}}}li")
    assert (tuple(int(item.text or "") for item in items), warnings) == (wanted, ())
    block = header(8, Layout()) + pack({274: short(6), 0x8769: {0x9214: short(*numbers)}}, 8, Layout())
    _, upright = exif.clean(block, size=(WIDTH, HEIGHT))
    assert upright
    details = exif.fields(upright)[0x8769]
    assert isinstance(details, dict)
    assert details == {0x9214: short(*wanted)}


UNREADABLE = {
    "MWG, no number": MWG.format('<rdf:li mwg-rs:Name="Ada"><mwg-rs:Area stArea:x="left" stArea:y="0.2"/></rdf:li>'),
    "MWG, another unit": MWG.format(
        f'<rdf:li mwg-rs:Name="Ada"><mwg-rs:Area {AREA.replace("normalized", "furlong")}/></rdf:li>'
    ),
    "MWG, a width alone": MWG.format(
        '<rdf:li mwg-rs:Name="Ada"><mwg-rs:Area stArea:x="0.2" stArea:y="0.2" stArea:w="0.1"/></rdf:li>'
    ),
    "Microsoft, three numbers": MICROSOFT.format(
        '<rdf:li MPReg:PersonDisplayName="Ada" MPReg:Rectangle="0.15, 0.1, 0.2"/>'
    ),
    "Microsoft, an element": MICROSOFT.format(
        '<rdf:li rdf:parseType="Resource"><MPReg:PersonDisplayName>Ada</MPReg:PersonDisplayName>'
        "<MPReg:Rectangle>nan, 0, 0, 0</MPReg:Rectangle></rdf:li>"
    ),
    "IPTC, another shape": boundary("star", "relative", rbX=0, rbY=0),
    "IPTC, no unit": boundary("rectangle", "", rbX=0, rbY=0, rbW=1, rbH=1),
    "IPTC, a billion digits": boundary("rectangle", "relative", rbX="1e-999999999", rbY=0, rbW=1, rbH=1),
    "IPTC, a billion digits before the point": boundary("circle", "pixel", rbX="1e999999999", rbY=0, rbRx=1),
    "MWG, a million digits": MWG.format(
        '<rdf:li mwg-rs:Name="Ada"><mwg-rs:Area stArea:x="-1E1000000" stArea:y="0.2"/></rdf:li>'
    ),
    "a subject beyond all numbers": SUBJECT.format("<rdf:li>6</rdf:li><rdf:li>1e999999999</rdf:li>")
    + "<exif:UserComment>Ada</exif:UserComment>",
    "IPTC, no vertices": boundary("polygon", "relative"),
    "IPTC, no radius": boundary("circle", "relative", rbX=0, rbY=0),
    "a subject outside": SUBJECT.format("<rdf:li>6</rdf:li><rdf:li>99</rdf:li>")
    + "<exif:UserComment>Ada</exif:UserComment>",
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_place_that_cannot_be_read_goes_and_is_told_of(what: str) -> None:
    """Rather none than a wrong one; whose region it was stays, and an upright picture keeps everything as it is."""
    root, warnings = turned(UNREADABLE[what], 6)
    assert warnings == ("metadata_unreadable",)
    fields = told(root)
    assert not {"x", "y", "Rectangle", "rbX", "rbY"} & set(fields)
    assert root.findall(f".//{{{SPACES['exif']}}}SubjectArea") == []
    assert "Ada" in fields.values()
    assert xmp.merged(packet(UNREADABLE[what]), MARKS)[1] == ()


def test_how_a_face_leans_goes_with_the_turn() -> None:
    """An angle that no standard defines is not told of a turned picture."""
    region = f'<rdf:li mwg-rs:Name="Ada" mwg-rs:Rotation="0.1"><mwg-rs:Area {AREA}/></rdf:li>'
    assert "Rotation" in told(fromstring(xmp.merged(packet(MWG.format(region)), MARKS)[0]))
    root, warnings = turned(MWG.format(region), 3)
    assert (told(root).get("Rotation"), warnings) == (None, ())


def test_many_places_take_no_time() -> None:
    """A packet as full of broken places as may be is done with in one pass."""
    region = '<rdf:li MPReg:Rectangle="0"/><mwg-rs:Rotation/><mwg-rs:Area/>'
    root, warnings = turned(f"<MPRI:Regions><rdf:Bag>{region * 40_000}</rdf:Bag></MPRI:Regions>", 6)
    assert warnings == ("metadata_unreadable",)
    assert root.findall(f".//{{{SPACES['mwg-rs']}}}Area") == []


def test_a_boundary_within_another_is_turned_once() -> None:
    """The vertices of each are its own: however deep they lie, no point is turned twice."""
    inner = f"<Iptc4xmpExt:rbVertices>{vertices((6, 2), (14, 6))}</Iptc4xmpExt:rbVertices>"
    fields = 'Iptc4xmpExt:rbShape="polygon" Iptc4xmpExt:rbUnit="pixel"'
    for _ in range(4):
        inner = f"<rdf:Description {fields}>{inner}</rdf:Description>"
        inner = f"{vertices((6, 2))}<Iptc4xmpExt:RegionBoundary>{inner}</Iptc4xmpExt:RegionBoundary>"
        inner = f"<Iptc4xmpExt:rbVertices>{inner}</Iptc4xmpExt:rbVertices>"
    root, warnings = turned(
        f"<Iptc4xmpExt:RegionBoundary><rdf:Description {fields}>{inner}</rdf:Description></Iptc4xmpExt:RegionBoundary>",
        6,
    )
    assert warnings == ()
    assert set(told(root)["rbX"].split()) == {"18", "14"}
    assert set(told(root)["rbY"].split()) == {"6", "14"}
