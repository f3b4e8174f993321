"""Extended XMP: the rest of a packet that did not fit into one JPEG segment (XMP part 3, 1.1.3.1)."""

from __future__ import annotations

import re
import struct

#: Digest, full length, offset.
_HEAD = struct.Struct(">32sII")

#: What the main packet names its extension by, as an attribute or as an element.
_NAME = re.compile(rb"HasExtendedXMP\s*(?:=\s*[\"']|>\s*)([0-9A-Fa-f]{32})")

_OPENED = re.compile(rb"<rdf:RDF\b[^<>]*>")
_CLOSED = b"</rdf:RDF>"
_SPACE = re.compile(rb"\bxmlns:([\w.-]+)\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')")


class Extension:
    """The parts of extensions, by their digest."""

    def __init__(self) -> None:
        """No part is there yet."""
        self._parts: dict[bytes, dict[int, bytes]] = {}
        self._lengths: dict[bytes, int] = {}

    def add(self, body: memoryview) -> None:
        """Takes what follows the name space in a segment: digest, full length, offset, and the part's bytes."""
        if len(body) < _HEAD.size:
            return
        digest, length, offset = _HEAD.unpack_from(body)
        self._parts.setdefault(digest.upper(), {})[offset] = bytes(body[_HEAD.size :])
        self._lengths[digest.upper()] = length

    def names(self, packet: bytes) -> bytes | None:
        """Returns the digest of the extension that a main packet says it has; None if it has none."""
        named = _NAME.search(packet)
        return named.group(1).upper() if named else None

    def packet(self, digest: bytes) -> bytes | None:
        """Returns the packet of a digest, or None unless its parts are all there, one at the end of the other."""
        whole = bytearray()
        for offset, part in sorted(self._parts.get(digest, {}).items()):
            if offset != len(whole):
                return None
            whole += part
        return bytes(whole) if whole and len(whole) == self._lengths[digest] else None


def joined(packet: bytes, extension: Extension) -> bytes | None:
    """Returns the main packet with the properties of its extension; None where they cannot be joined.

    They are joined as text, so that every prefix stays as its writer chose it. What declares a document type is not.
    """
    digest = extension.names(packet)
    rest = extension.packet(digest) if digest else None
    if rest is None or b"<!" in rest:
        return None
    main, more = _OPENED.search(packet), _OPENED.search(rest)
    ends = packet.rfind(_CLOSED), rest.rfind(_CLOSED)
    if not main or not more or ends[0] < main.end() or ends[1] < more.end():
        return None
    known, needed = _spaces(packet[: main.end()]), _spaces(rest[: more.end()])
    if any(known.get(prefix, uri) != uri for prefix, uri in needed.items()):
        return None
    missing = b"".join(b' xmlns:%s="%s"' % (prefix, uri) for prefix, uri in needed.items() if prefix not in known)
    head = packet[: main.end() - 1] + missing + packet[main.end() - 1 : ends[0]]
    return head + rest[more.end() : ends[1]] + packet[ends[0] :]


def _spaces(head: bytes) -> dict[bytes, bytes]:
    """Returns the name spaces that a packet declares up to its properties."""
    return {prefix: double or single for prefix, double, single in _SPACE.findall(head)}
