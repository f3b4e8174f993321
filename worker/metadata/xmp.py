"""XMP (ISO 16684-1): the packet of a derivative, which is its master's with the marks that it is one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from worker.metadata import packets
from worker.metadata.packets import RDF, XML, Packet, Unreadable
from worker.metadata.regions import turn_regions
from worker.metadata.turns import Turn

_CAMERA = "{http://ns.google.com/photos/1.0/camera/}"
_CONTAINER = "{http://ns.google.com/photos/1.0/container/}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_DEVELOPED = "{http://ns.adobe.com/camera-raw-settings/1.0/}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_GAIN_MAP = "{http://ns.adobe.com/hdr-gain-map/1.0/}"
_IPTC_EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
_MM = "{http://ns.adobe.com/xap/1.0/mm/}"
_NOTE = "{http://ns.adobe.com/xmp/note/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_ST_EVT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
_ST_REF = "{http://ns.adobe.com/xap/1.0/sType/ResourceRef#}"
_TIFF = "{http://ns.adobe.com/tiff/1.0/}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"

#: Prefixes of the namespaces in which a derivative is marked, unless the master's packet has others for them.
_PREFIXES = {
    packets.META: "x",
    RDF: "rdf",
    _DC: "dc",
    _IPTC_EXT: "Iptc4xmpExt",
    _MM: "xmpMM",
    _NOTE: "xmpNote",
    _ST_EVT: "stEvt",
    _ST_REF: "stRef",
}

_ORIENTATION = f"{_TIFF}Orientation"
_ORIENTATIONS = tuple("12345678")

_INSTANCE = f"{_MM}InstanceID"
_DERIVED, _HISTORY, _DESCRIPTION = f"{_MM}DerivedFrom", f"{_MM}History", f"{_DC}description"
_TYPE, _SYSTEM, _VERSION = (
    f"{_IPTC_EXT}{name}" for name in ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed")
)

#: In a packet that is split for JPEG: the digest of its extension (ISO 16684-3, 6.3.4).
EXTENDED = f"{_NOTE}HasExtendedXMP"

#: Languages of a description that are told the sentence, which would swell a hostile packet twentyfold.
_MOST_TOLD = 200

#: The properties by which a derivative says what it is.
MARKS = frozenset([_TYPE, _SYSTEM, _VERSION, _DERIVED, _DESCRIPTION])

#: What a packet says of its file: format, samples, thumbnails, size, other blocks, the film and the pictures that hang
#: on it, and the order to show it gray. No longer true of a derivative.
_STALE = frozenset(
    [
        f"{_XMP}Thumbnails",
        EXTENDED,
        f"{_DC}format",
        f"{_PHOTOSHOP}ColorMode",
        f"{_PHOTOSHOP}ICCProfile",
        f"{_EXIF}NativeDigest",
        f"{_DEVELOPED}ConvertToGrayscale",
        f"{_GAIN_MAP}Version",
        f"{_CONTAINER}Directory",
    ]
    + [f"{_CAMERA}MotionPhoto{name}" for name in ("", "Version", "PresentationTimestampUs")]
    + [f"{_CAMERA}MicroVideo{name}" for name in ("", "Version", "Offset", "PresentationTimestampUs")]
    + [f"{_EXIF}Pixel{axis}Dimension" for axis in "XY"]
    + [f"{_EXIF}{name}" for name in ("ColorSpace", "ComponentsConfiguration", "CompressedBitsPerPixel")]
    + [f"{_TIFF}{name}" for name in ("Orientation", "ImageWidth", "ImageLength", "BitsPerSample", "Compression")]
    + [f"{_TIFF}{name}" for name in ("PhotometricInterpretation", "SamplesPerPixel", "PlanarConfiguration")]
    + [f"{_TIFF}{name}" for name in ("XResolution", "YResolution", "ResolutionUnit", "NativeDigest")]
    + [f"{_TIFF}{name}" for name in ("YCbCrSubSampling", "YCbCrPositioning", "YCbCrCoefficients")]
    + [f"{_TIFF}{name}" for name in ("WhitePoint", "PrimaryChromaticities", "TransferFunction", "ReferenceBlackWhite")]
)

_CONTAINERS = (f"{RDF}Seq", f"{RDF}Bag", f"{RDF}Alt")
_ITEM, _LANGUAGE, _DEFAULT = f"{RDF}li", f"{XML}lang", "x-default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """What a derivative says of itself."""

    #: URI of the IPTC's vocabulary (NewsCodes, Digital Source Type)
    source_type: str
    #: what made it
    system: str
    #: version of that, with the net
    version: str
    #: SHA-256 of the master
    master: str
    #: SHA-256 of the recipe
    recipe: str
    #: a sentence for people
    sentence: str


def merged(packet: bytes | None, marks: Marks, *, turn: Turn | None = None) -> tuple[bytes, tuple[str, ...]]:
    """Returns the packet of a derivative in UTF-8, and warnings.

    It holds all that the master's packet says, but for what is true of that file only, and the marks; places in the
    picture are turned as that was (`turn`). A packet or place that cannot be read is left out, with the warning
    `metadata_unreadable`; so is a packet that with the marks could not be. The same input gives the same bytes.
    """
    warnings: tuple[str, ...] = ()
    tree = packets.empty()
    if packet:
        try:
            tree = packets.read(packet)
        except Unreadable:
            warnings = ("metadata_unreadable",)
    if turn and not turn_regions(tree.rdf, turn):
        warnings = ("metadata_unreadable",)
    _mark(tree, marks)
    text = written(tree)
    if packet and not _is_readable(text):
        return merged(None, marks)[0], ("metadata_unreadable",)
    return text, warnings


def _is_readable(text: bytes) -> bool:
    """Tells whether a packet that was written can be read: marks, escapes and prefixes may have swollen it."""
    try:
        packets.read(text, ours=True)
    except Unreadable:
        return False
    return True


def orientation(packet: bytes) -> int:
    """Returns the orientation (1..8, as EXIF's) that a packet in UTF-8 states; 1 where it states none."""
    if b"Orientation" not in packet:
        return 1
    try:
        nodes = packets.read(packet).descriptions()
    except Unreadable:
        return 1
    stated = [node.get(_ORIENTATION) or node.findtext(_ORIENTATION) for node in nodes]
    return next((int(value) for value in stated if value and value.strip() in _ORIENTATIONS), 1)


def _mark(tree: Packet, marks: Marks) -> None:
    nodes = tree.descriptions()
    _take(nodes, *_STALE, _TYPE, _SYSTEM, _VERSION, _DERIVED)
    nodes[0].attrib |= {_TYPE: marks.source_type, _SYSTEM: marks.system, _VERSION: marks.version}
    source = {f"{_ST_REF}documentID": f"sha256:{marks.master}"}
    # An instance is the bytes of one file (ISO 16684-2, 7.3): the master's name for its own belongs here.
    for instance in _take(nodes, _INSTANCE):
        source[f"{_ST_REF}instanceID"] = instance if isinstance(instance, str) else instance.text or ""
    nodes[0].append(Element(_DERIVED, source))
    nodes[0].append(_history(_take(nodes, _HISTORY), marks))
    nodes[0].append(_description(_take(nodes, _DESCRIPTION), marks.sentence))


def _history(found: list[Element | str], marks: Marks) -> Element:
    """Returns the history with one more event at its end."""
    events = [item for history in found if isinstance(history, Element) for item in _items(history)]
    history = Element(_HISTORY)
    sequence = SubElement(history, f"{RDF}Seq")
    sequence.extend(events)
    event = {"action": "derived", "softwareAgent": marks.system, "parameters": f"recipe sha256:{marks.recipe}"}
    SubElement(sequence, _ITEM, {f"{_ST_EVT}{name}": value for name, value in event.items()})
    return history


def _description(found: list[Element | str], sentence: str) -> Element:
    """Returns the description with the sentence at the end of what it says in each language, up to 200."""
    items: list[Element] = []
    for text in found:
        if isinstance(text, Element) and any(child.tag in _CONTAINERS for child in text):
            items += _items(text)
        else:
            # Not as the standard has it, but meant as the default language.
            items.append(_worded(_DEFAULT, text if isinstance(text, str) else text.text or ""))
    if not any(item.get(_LANGUAGE) == _DEFAULT for item in items):
        items.insert(0, _worded(_DEFAULT, items[0].text or "" if items else ""))
    told = [item for number, item in enumerate(items) if number < _MOST_TOLD or item.get(_LANGUAGE) == _DEFAULT]
    for item in told:
        before = (item.text or "").rstrip()
        item.text = before if sentence in before else "\n".join(filter(None, (before, sentence)))
    description = Element(_DESCRIPTION)
    SubElement(description, f"{RDF}Alt").extend(items)
    return description


def _worded(language: str, text: str) -> Element:
    item = Element(_ITEM, {_LANGUAGE: language})
    item.text = text
    return item


def _items(array: Element) -> Iterable[Element]:
    """Returns the items of an array, of whichever kind it is."""
    return [item for child in array if child.tag in _CONTAINERS for item in child if item.tag == _ITEM]


def _take(nodes: list[Element], *names: str) -> list[Element | str]:
    """Removes properties, elements or attributes, from the nodes, and returns them as often as they were there."""
    found: list[Element | str] = []
    for node in nodes:
        found += [node.attrib.pop(name) for name in names if name in node.attrib]
        children = [child for child in node if child.tag in names]
        if children:
            found += children
            # One by one, many would take long to go.
            node[:] = [child for child in node if child.tag not in names]
    return found


def written(tree: Packet, *, wrapped: bool = True) -> bytes:
    """Returns the packet as text, see `packets.write`; what it does not name itself has the usual prefixes."""
    for space, prefix in _PREFIXES.items():
        if prefix not in tree.prefixes.values():
            tree.prefixes.setdefault(space[1:-1], prefix)
    return packets.write(tree, wrapped=wrapped)
