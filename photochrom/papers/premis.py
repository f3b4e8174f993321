"""PREMIS 3.0: what happened to a master, as preservation systems read it (Library of Congress, premis.xsd, 2016).

One document a result: master and derivative as objects, the making of the derivative as an event, Photochrom and the
net as agents. The event is a "creation": a new file came into being. It is no "modification", since the master is as it
was, and no "migration", since nothing was moved out of an old format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as Xml

from photochrom.papers.paper import Paper, Result

_NAMESPACE = "http://www.loc.gov/premis/v3"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_VOCABULARY = "http://id.loc.gov/vocabulary/preservation"

#: Kind of file -> name, and the key in PRONOM of those kinds that have a single one whatever their version.
_FORMATS = {
    "jpeg": ("JPEG", None),
    "png": ("Portable Network Graphics", None),
    "tiff": ("Tagged Image File Format", "fmt/353"),
    "bigtiff": ("BigTIFF", None),
    "jp2": ("JPEG 2000 part 1", "x-fmt/392"),
    "j2k": ("JPEG 2000 codestream", None),
    "webp": ("WebP", None),
    "bmp": ("Windows Bitmap", None),
}

#: What XML 1.0 cannot hold, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def premis(paper: Paper, *, master_size: int | None, kinds: Mapping[str, str], version: str) -> str:
    """Returns the document of a scan that has results.

    `kinds` has the kind of file (of `dimensions.Header`) of the master under "master" and of each result under its
    path, where it is known; `version` is that of this client.
    """
    Xml.register_namespace("premis", _NAMESPACE)
    Xml.register_namespace("xsi", _XSI)
    root = Xml.Element(f"{{{_NAMESPACE}}}premis", {"version": "3.0", f"{{{_XSI}}}schemaLocation": _SCHEMA})
    _master(root, paper, master_size, kinds.get("master"))
    for result in paper.results:
        _derivative(root, paper, result, kinds.get(result.path))
    _event(root, paper)
    _agents(root, paper, version)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


_SCHEMA = f"{_NAMESPACE} http://www.loc.gov/standards/premis/premis.xsd"


def _add(parent: Xml.Element, name: str, text: object = None, **attributes: str) -> Xml.Element:
    element = Xml.SubElement(parent, f"{{{_NAMESPACE}}}{name}", attributes)
    if text is not None:
        element.text = _NOT_XML.sub("\ufffd", str(text))
    return element


def _term(parent: Xml.Element, name: str, vocabulary: str, code: str, text: str) -> None:
    """Adds a word of one of the Library's vocabularies."""
    uri = f"{_VOCABULARY}/{vocabulary}"
    _add(parent, name, text, authority=vocabulary, authorityURI=uri, valueURI=f"{uri}/{code}")


def _identifier(parent: Xml.Element, of: str, kind: str, value: object) -> Xml.Element:
    identifier = _add(parent, f"{of}Identifier")
    _add(identifier, f"{of}IdentifierType", kind)
    _add(identifier, f"{of}IdentifierValue", value)
    return identifier


def _file(
    root: Xml.Element,
    name: str,
    facts: Mapping[str, Any],
    kind: str | None,
    local: str | None = None,
) -> Xml.Element:
    """Adds an object that is a file, up to its original name; the SHA-256 is its identifier, `local` another."""
    item = _add(root, "object", None, **{f"{{{_XSI}}}type": "premis:file"})
    _identifier(item, "object", "SHA-256", facts["sha256"])
    if local:
        _identifier(item, "object", "local", local)
    _characteristics(item, facts, kind)
    _add(item, "originalName", name)
    return item


def _characteristics(item: Xml.Element, facts: Mapping[str, Any], kind: str | None) -> None:
    characteristics = _add(item, "objectCharacteristics")
    fixity = _add(characteristics, "fixity")
    _term(fixity, "messageDigestAlgorithm", "cryptographicHashFunctions", "sha256", "SHA-256")
    _add(fixity, "messageDigest", facts["sha256"])
    if facts.get("size") is not None:
        _add(characteristics, "size", facts["size"])
    form = _add(characteristics, "format")
    spoken, key = _FORMATS.get(kind or "", (facts.get("media_type", "unknown"), None))
    _add(_add(form, "formatDesignation"), "formatName", spoken)
    if key:
        registry = _add(form, "formatRegistry")
        _add(registry, "formatRegistryName", "PRONOM")
        _add(registry, "formatRegistryKey", key)


def _master(root: Xml.Element, paper: Paper, size: int | None, kind: str | None) -> None:
    entry = paper.entry
    item = _file(root, entry.filename, {"sha256": entry.sha256, "size": size}, kind, entry.client_ref)
    _identifier(item, "linkingEvent", *_event_name(paper))


def _derivative(root: Xml.Element, paper: Paper, result: Result, kind: str | None) -> None:
    item = _file(root, result.path, result.facts, kind)
    relationship = _add(item, "relationship")
    _term(relationship, "relationshipType", "relationshipType", "der", "derivation")
    _term(relationship, "relationshipSubType", "relationshipSubType", "hss", "has source")
    _identifier(relationship, "relatedObject", "SHA-256", paper.entry.sha256)
    _identifier(relationship, "relatedEvent", *_event_name(paper))
    _identifier(item, "linkingEvent", *_event_name(paper))


def _event(root: Xml.Element, paper: Paper) -> None:
    event = _add(root, "event")
    _identifier(event, "event", *_event_name(paper))
    _term(event, "eventType", "eventType", "cre", "creation")
    _add(event, "eventDateTime", paper.row["finished_at"])
    detail = _add(event, "eventDetailInformation")
    recipe = json.dumps(paper.job.get("recipe"), sort_keys=True)
    _add(detail, "eventDetail", f"Colorization of a black-and-white master by a neural net. Recipe: {recipe}")
    outcome = _add(event, "eventOutcomeInformation")
    _add(outcome, "eventOutcome", "success")
    for note in _notes(paper):
        _add(_add(outcome, "eventOutcomeDetail"), "eventOutcomeDetailNote", note)
    program = _identifier(event, "linkingAgent", "local", "photochrom")
    _term(program, "linkingAgentRole", "eventRelatedAgentRole", "exe", "executing program")
    net = _identifier(event, "linkingAgent", *_net(paper))
    _add(net, "linkingAgentRole", "colorization net")
    source = _identifier(event, "linkingObject", "SHA-256", paper.entry.sha256)
    _term(source, "linkingObjectRole", "eventRelatedObjectRole", "sou", "source")
    for result in paper.results:
        made = _identifier(event, "linkingObject", "SHA-256", result.facts["sha256"])
        _term(made, "linkingObjectRole", "eventRelatedObjectRole", "out", "outcome")


def _notes(paper: Paper) -> list[str]:
    """Returns what a person should know of how it went."""
    notes = []
    if delta := paper.row.get("delta_l"):
        notes.append(f"Largest difference in CIE L* between master and derivative: {delta['max']}.")
    if warnings := paper.row.get("warnings"):
        notes.append(f"Warnings: {' '.join(warnings)}.")
    if paper.row.get("already_made"):
        notes.append("An earlier job had made the same derivative; the time is that of this job.")
    return notes


def _agents(root: Xml.Element, paper: Paper, version: str) -> None:
    pipeline = (paper.job.get("recipe") or {}).get("pipeline")
    program = _add(root, "agent")
    _identifier(program, "agent", "local", "photochrom")
    _add(program, "agentName", "Photochrom")
    _term(program, "agentType", "agentType", "sof", "software")
    _add(program, "agentVersion", f"pipeline {pipeline}; client {version}")
    net = _add(root, "agent")
    _identifier(net, "agent", *_net(paper))
    _add(net, "agentName", paper.job.get("model"))
    _term(net, "agentType", "agentType", "sof", "software")
    _add(net, "agentNote", "Neural net that predicts color from lightness; the identifier is the digest of its files.")


def _event_name(paper: Paper) -> tuple[str, str]:
    return "Photochrom item", f"{paper.job.get('id')}/items/{paper.entry.number}"


def _net(paper: Paper) -> tuple[str, Any]:
    return "Photochrom model digest", (paper.job.get("recipe") or {}).get("model")
