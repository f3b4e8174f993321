"""Extended XMP (ISO 16684-3, 6.3.4): a packet in two, where one segment of a JPEG file cannot hold it."""

from __future__ import annotations

import hashlib
from xml.etree.ElementTree import Element, tostring

from worker.metadata import packets
from worker.metadata.packets import RDF
from worker.metadata.xmp import EXTENDED, MARKS, written

_ABOUT = f"{RDF}about"

#: Longest name of the resource that both parts repeat, characters; a URI of an identifier has about 60.
_LONGEST_ABOUT = 100

#: What the main packet has beside properties, and what a name may have more than it is counted for, bytes.
_FRAME = 2048
_PREFIX = 40


def split(packet: bytes, limit: int) -> tuple[bytes, bytes, str]:
    """Splits a packet that is larger than `limit` bytes for JPEG: a main one within it, and an extension with the rest.

    The third value is the extension's digest, by which the main one names it (ISO 16684-3, 6.3.4: MD5 in capitals). The
    marks come first into the main packet, then what fits, in the packet's order. Raises Unreadable.
    """
    whole, main = packets.read(packet), packets.empty()
    main.prefixes = dict(whole.prefixes)
    nodes = whole.descriptions()
    (target,) = main.descriptions()
    about = nodes[0].get(_ABOUT, "")
    target.set(_ABOUT, about if len(about) <= _LONGEST_ABOUT else "")
    left = limit - _FRAME
    for marks in (True, False):
        for node in nodes:
            left = _move(node, target, left, marks=marks)
    extension = written(whole, wrapped=False)
    digest = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()
    target.set(EXTENDED, digest)
    return written(main), extension, digest


def _move(node: Element, target: Element, left: int, *, marks: bool) -> int:
    """Moves what fits into `left` bytes from node to target, the marks or the rest; returns what is left then."""
    for name, value in [*node.attrib.items()]:
        if left < _FRAME:
            break
        if (name in MARKS) is not marks or name in target.attrib:
            continue
        size = len(tostring(Element("a", {name: value}))) + _PREFIX
        if size <= left:
            target.set(name, node.attrib.pop(name))
            left -= size
    moved = []
    for child in node:
        if left < _FRAME:
            break
        if (child.tag in MARKS) is marks and (size := _size(child)) <= left:
            moved.append(child)
            left -= size
    for child in moved:
        node.remove(child)
        target.append(child)
    return left


def _size(element: Element) -> int:
    """Returns the bytes that an element has at most: a name may bear a longer prefix than ElementTree makes up."""
    return len(tostring(element)) + sum(2 + len(part.attrib) for part in element.iter()) * _PREFIX
