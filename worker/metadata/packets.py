"""XMP packets (ISO 16684-1) as trees: read from bytes of strangers, written with the prefixes that they came with."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
META = "{adobe:ns:meta/}"
XML = "{http://www.w3.org/XML/1998/namespace}"

_START = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="w"?>'

#: Largest packet that is read, bytes; most elements, attributes and namespaces in it; deepest nesting. Real ones, with
#: the history of an edited picture, stay within a tenth.
MOST_BYTES = 16 << 20
MOST_NODES = 200_000
DEEPEST = 100

#: What a packet that is written leaves of that, for what it takes to cut it in two and join it again (ISO 16684-3,
#: 6.3.4).
_ROOM_BYTES = 64 << 10
_ROOM_NODES = 1_000
_ROOM_DEPTH = 2

#: Longest prefix that is kept, characters: each name of its namespace bears it.
_LONGEST_PREFIX = 40


class Unreadable(ValueError):
    """The bytes are no XMP packet, or one beyond all bounds."""


@dataclass(kw_only=True, slots=True)
class Packet:
    """What a packet says. Names in the tree are those of ElementTree: {namespace}local."""

    #: rdf:RDF
    rdf: Element
    #: namespace -> its prefix in the packet
    prefixes: dict[str, str] = field(default_factory=dict)

    def descriptions(self) -> list[Element]:
        """Returns the top-level nodes that hold the properties, at least one."""
        found = self.rdf.findall(f"{RDF}Description")
        if not found:
            found = [Element(f"{RDF}Description", {f"{RDF}about": ""})]
            self.rdf.append(found[0])
        return found


def empty() -> Packet:
    """Returns a packet that says nothing."""
    return Packet(rdf=Element(f"{RDF}RDF"))


def read(data: bytes, *, ours: bool = False) -> Packet:
    """Reads a packet in UTF-8. Raises Unreadable; no entity is expanded, nothing is fetched.

    One of `ours` has to be somewhat smaller than what is read of others.
    """
    if len(data) > MOST_BYTES - (_ROOM_BYTES if ours else 0):
        raise Unreadable(f"The packet has {len(data):,} bytes.")
    # Padding and whatever else lies behind the end is no part of the document.
    end = data.rfind(b"<?xpacket end")
    data = (data[:end] if end > 0 else data).strip(b"\0\t\r\n ")
    tree = _Tree(ours=ours)
    try:
        tree.parser.Parse(data, True)
        root = tree.builder.close()
    except (expat.ExpatError, AssertionError) as error:
        raise Unreadable(str(error)) from error
    rdf = next(root.iter(f"{RDF}RDF"), None)
    if rdf is None:
        raise Unreadable("The document holds no RDF.")
    rdf.tail = None
    return Packet(rdf=rdf, prefixes=tree.prefixes)


def write(packet: Packet, *, wrapped: bool = True) -> bytes:
    """Returns the packet in UTF-8, without padding; `wrapped` in the instructions by which scanners find one.

    The tree's names are changed to those of the text: it is of no further use.
    """
    names = _Names(packet.prefixes)
    root = Element(f"{META}xmpmeta")
    root.append(packet.rdf)
    for element in root.iter():
        element.tag = names.qualified(element.tag)
        element.attrib = {names.qualified(name): value for name, value in element.attrib.items()}
    root.attrib |= {f"xmlns:{prefix}": space for space, prefix in names.used.items()}
    text = tostring(root, encoding="unicode")
    return (f"{_START}{text}{_END}" if wrapped else text).encode()


class _Tree:
    """A parser that builds a tree and gives up where a packet never goes."""

    def __init__(self, *, ours: bool) -> None:
        self.builder = TreeBuilder()
        self.prefixes: dict[str, str] = {}
        self.parser = expat.ParserCreate("utf-8", "}")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.builder.data
        self.parser.StartNamespaceDeclHandler = self._declare
        self.parser.StartDoctypeDeclHandler = self._refuse
        self._nodes = _ROOM_NODES if ours else 0
        self._depth = _ROOM_DEPTH if ours else 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count(1 + len(attributes))
        self.builder.start(_braced(name), {_braced(key): value for key, value in attributes.items()})

    def _end(self, name: str) -> None:
        self._depth -= 1
        self.builder.end(_braced(name))

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES or self._depth > DEEPEST:
            raise Unreadable("The packet has too many nodes.")

    def _declare(self, prefix: str | None, space: str) -> None:
        self._count(1)
        if prefix and len(prefix) <= _LONGEST_PREFIX:
            self.prefixes.setdefault(space, prefix)

    def _refuse(self, *_: object) -> None:
        # Only a document type can define entities, the only way for XML to grow while it is read.
        raise Unreadable("The packet has a document type.")


def _braced(name: str) -> str:
    return "{" + name if "}" in name else name


class _Names:
    """Qualified names, each namespace with one prefix in the whole document."""

    def __init__(self, prefixes: dict[str, str]) -> None:
        #: namespace -> prefix, of those that occur
        self.used: dict[str, str] = {}
        self._wished = prefixes
        self._taken: set[str] = set()
        self._numbers = itertools.count(1)

    def qualified(self, name: str) -> str:
        if not name.startswith("{"):
            return name
        space, _, local = name[1:].partition("}")
        if space == XML[1:-1]:
            return f"xml:{local}"
        if space not in self.used:
            prefix = self._wished.get(space)
            while prefix is None or prefix in self._taken:
                prefix = f"ns{next(self._numbers)}"
            self._taken.add(prefix)
            self.used[space] = prefix
        return f"{self.used[space]}:{local}"
