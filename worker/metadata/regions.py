"""Regions of a picture that XMP names: faces, people, subjects. They are told of the picture as it lies in its file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from xml.etree.ElementTree import Element

from worker.metadata.packets import RDF
from worker.metadata.turns import Turn

_AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
_DIMENSIONS = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_FACE_INFO = "{http://ns.apple.com/faceinfo/1.0/}"
_IPTC_EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
_MS_REGION = "{http://ns.microsoft.com/photo/1.2/t/Region#}"
_MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"

_RECTANGLE = f"{_MS_REGION}Rectangle"

#: How far a face leans, which no standard defines: of a picture that is turned they are left out.
_ANGLES = (f"{_MWG}Rotation", f"{_FACE_INFO}AngleInfoRoll")

_UNIT = (Decimal(1), Decimal(1))

#: Numbers that are believed: characters of one, and its size. Decimals that are kept where one has to be rounded.
_LONGEST = 40
_LARGEST = 10**9
_DECIMALS = 12


def turn_regions(rdf: Element, turn: Turn) -> bool:
    """Turns the regions of a packet with its picture; returns whether each of them could be.

    They are those of the Metadata Working Group (Guidelines 2.0, 5.9), of Microsoft's People Tags, of IPTC (Photo
    Metadata Standard, Image Region), and the subject of EXIF. Where a place cannot be read it is left out, and the rest
    of its region stays: a name is true without one.
    """
    whole = True
    for parent in [*rdf.iter()]:
        for angle in _ANGLES:
            parent.attrib.pop(angle, None)
        if (rectangle := parent.attrib.pop(_RECTANGLE, None)) is not None:
            turned = _turned_rectangle(rectangle, turn)
            parent.attrib |= {_RECTANGLE: turned} if turned else {}
            whole = whole and turned is not None
        lost = {child for child in parent if child.tag in _PLACES and not _PLACES[child.tag](child, turn)}
        whole = whole and not lost
        gone = lost | {child for child in parent if child.tag in _ANGLES}
        if gone:
            # One by one, many would take long to go.
            parent[:] = [child for child in parent if child not in gone]
    return whole


class _Fields:
    """The simple fields of a structure, which may be attributes or elements, of itself or of a node within."""

    def __init__(self, structure: Element) -> None:
        """Reads nothing yet."""
        self._nodes = [structure, *structure.findall(f"{RDF}Description")]

    def get(self, name: str) -> str | None:
        """Returns a field's text, None where there is none."""
        for node in self._nodes:
            if name in node.attrib:
                return node.attrib[name]
            child = node.find(name)
            if child is not None:
                return child.text or ""
        return None

    def set(self, name: str, text: str) -> None:
        """Puts another text into a field that is there."""
        for node in self._nodes:
            if name in node.attrib:
                node.attrib[name] = text
                return
            child = node.find(name)
            if child is not None:
                child.text = text
                return

    def items(self, name: str) -> list[Element]:
        """Returns the items of a field that is an array."""
        return [item for node in self._nodes for item in node.findall(f"{name}/*/{RDF}li")]

    def numbers(self, *names: str) -> list[Decimal] | None:
        """Returns fields as numbers, None unless each is one."""
        return _numbers([self.get(name) for name in names])

    def put(self, **numbers: Decimal) -> None:
        """Puts numbers into fields of the IPTC's."""
        for name, number in numbers.items():
            self.set(_IPTC_EXT + name, _text(number))

    def swap(self, one: str, other: str) -> bool:
        """Has two fields change places; returns False where there is only one of them."""
        texts = self.get(one), self.get(other)
        if texts[0] is not None and texts[1] is not None:
            self.set(one, texts[1])
            self.set(other, texts[0])
        return (texts[0] is None) is (texts[1] is None)


def _turn_area(area: Element, turn: Turn) -> bool:
    """Turns an area of the Metadata Working Group: its middle, width and height; a diameter is the shorter side's."""
    fields = _Fields(area)
    middle = fields.numbers(f"{_AREA}x", f"{_AREA}y")
    if middle is None or (fields.get(f"{_AREA}unit") or "normalized").strip() != "normalized":
        return False
    for name, number in zip("xy", turn.point(middle[0], middle[1], _UNIT), strict=True):
        fields.set(_AREA + name, _text(number))
    return not turn.sideways or fields.swap(f"{_AREA}w", f"{_AREA}h")


def _turn_dimensions(dimensions: Element, turn: Turn) -> bool:
    """Turns the size of the picture for which regions were told."""
    return not turn.sideways or _Fields(dimensions).swap(f"{_DIMENSIONS}w", f"{_DIMENSIONS}h")


def _turn_rectangle(rectangle: Element, turn: Turn) -> bool:
    turned = _turned_rectangle(rectangle.text or "", turn)
    rectangle.text = turned
    return turned is not None


def _turned_rectangle(text: str, turn: Turn) -> str | None:
    """Returns left, top, width and height of Microsoft's, as parts of the picture's."""
    numbers = _numbers(text.split(",", 4))
    if numbers is None or len(numbers) != 4:
        return None
    left, top, width, height = numbers
    return ", ".join(map(_text, turn.box(left, top, width, height, _UNIT)))


def _turn_boundary(boundary: Element, turn: Turn) -> bool:
    """Turns a boundary of the IPTC's; a radius is a part of the picture's width."""
    fields = _Fields(boundary)
    sizes = {"relative": _UNIT, "pixel": (Decimal(turn.width), Decimal(turn.height))}
    size = sizes.get((fields.get(f"{_IPTC_EXT}rbUnit") or "").strip().lower())
    turn_shape = _SHAPES.get((fields.get(f"{_IPTC_EXT}rbShape") or "").strip().lower())
    return size is not None and turn_shape is not None and turn_shape(boundary, turn, size)


def _turn_box(boundary: Element, turn: Turn, size: tuple[Decimal, Decimal]) -> bool:
    fields = _Fields(boundary)
    numbers = fields.numbers(*(f"{_IPTC_EXT}rb{name}" for name in "XYWH"))
    if numbers is None:
        return False
    left, top, width, height = numbers
    left, top, width, height = turn.box(left, top, width, height, size)
    fields.put(rbX=left, rbY=top, rbW=width, rbH=height)
    return True


def _turn_circle(boundary: Element, turn: Turn, size: tuple[Decimal, Decimal]) -> bool:
    fields = _Fields(boundary)
    radius = fields.numbers(f"{_IPTC_EXT}rbRx")
    if radius is None or not _turn_point(boundary, turn, size):
        return False
    if turn.sideways and size == _UNIT:
        fields.put(rbRx=radius[0] * turn.width / turn.height)
    return True


def _turn_polygon(boundary: Element, turn: Turn, size: tuple[Decimal, Decimal]) -> bool:
    vertices = _Fields(boundary).items(f"{_IPTC_EXT}rbVertices")
    return bool(vertices) and all(_turn_point(vertex, turn, size) for vertex in vertices)


def _turn_point(point: Element, turn: Turn, size: tuple[Decimal, Decimal]) -> bool:
    fields = _Fields(point)
    numbers = fields.numbers(f"{_IPTC_EXT}rbX", f"{_IPTC_EXT}rbY")
    if numbers is None:
        return False
    x, y = turn.point(numbers[0], numbers[1], size)
    fields.put(rbX=x, rbY=y)
    return True


def _turn_subject(subject: Element, turn: Turn) -> bool:
    """Turns the subject's area or place, an array of whole numbers."""
    items = subject.findall(f"*/{RDF}li")
    numbers = _numbers([item.text for item in items[:5]])
    turned = turn.subject([int(number) for number in numbers]) if numbers else None
    for item, number in zip(items, turned or (), strict=False):
        item.text = str(number)
    return turned is not None


_SHAPES: dict[str, Callable[[Element, Turn, tuple[Decimal, Decimal]], bool]] = {
    "rectangle": _turn_box,
    "circle": _turn_circle,
    "polygon": _turn_polygon,
}

#: What is turned, by the element's name.
_PLACES: dict[str, Callable[[Element, Turn], bool]] = {
    f"{_MWG}Area": _turn_area,
    f"{_MWG}AppliedToDimensions": _turn_dimensions,
    _RECTANGLE: _turn_rectangle,
    f"{_IPTC_EXT}RegionBoundary": _turn_boundary,
    f"{_EXIF}SubjectArea": _turn_subject,
    f"{_EXIF}SubjectLocation": _turn_subject,
}


def _numbers(texts: Sequence[str | None]) -> list[Decimal] | None:
    found = [_number(text or "") for text in texts]
    numbers = [number for number in found if number is not None]
    return numbers if len(numbers) == len(found) else None


def _number(text: str) -> Decimal | None:
    """Returns a number that is believed; a hostile one would have a million digits in full."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # The exponent first: arithmetic on a hostile one overflows.
    believed = number.is_finite() and abs(number.adjusted()) <= _LONGEST and abs(number) < _LARGEST
    return number if believed else None


def _text(number: Decimal) -> str:
    """Returns a number in full, rounded where it would be too long to be believed."""
    text = f"{number:f}"
    return text if len(text) <= _LONGEST else f"{number:.{_DECIMALS}f}"
