"""Derivatives in storage: found by their sidecars, stored with what belongs to them, told of in an item's outcome."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from models.uncertainty import Uncertainty
from shared import layout
from shared.items import Item
from shared.outcomes import Candidate, Outcome, StoredDerivative, success
from shared.recipes import Recipe
from shared.storage import ObjectStore
from worker.orders import Derivative
from worker.provenance import StoredFile, sidecar

#: The record beside a derivative, see `worker.provenance.sidecar`.
Sidecar = Mapping[str, Any]

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A derivative that was made and is not stored yet."""

    #: by which recipe; it has no candidates
    recipe: Recipe
    #: what was made
    derivative: Derivative
    #: its file
    file: IO[bytes]
    #: how unsure the net was
    uncertainty: Uncertainty | None
    #: JPEG of where it was; None where none was asked for
    map: bytes | None


def find(store: ObjectStore, tenant: str, master: str, recipe: Recipe) -> Sidecar | None:
    """Returns the sidecar of a derivative that is already made, or None."""
    try:
        with store.get(layout.sidecar(tenant, master, recipe.digest)) as stream:
            found: Sidecar = json.load(stream)
            return found
    except KeyError:
        return None


def put(store: ObjectStore, tenant: str, master: str, made: Made, *, engine: str, model: str) -> Sidecar:
    """Stores derivative, previews and sidecar; returns the sidecar that counts: the first.

    `engine` and `model` are what ran, and the name of the net. May be called again after an error.
    """
    recipe, derivative, file = made.recipe, made.derivative, made.file
    file.seek(0)
    ours = sidecar(
        derivative,
        _measured(file),
        engine=engine,
        master=master,
        recipe=recipe,
        model=model,
        uncertainty=made.uncertainty,
    )
    key = layout.derivative(tenant, master, recipe.digest, derivative.format.extension)
    # The file has no name but this one, so that nothing is left of it where this process dies.
    path = Path(f"/proc/self/fd/{file.fileno()}")
    if not store.put_if_absent(key, path, media_type=derivative.format.media_type):
        with store.get(key) as stream:
            # Another attempt stored it: that one is described, not ours.
            ours["derivative"] |= asdict(_measured(stream))
    for preview_key, data in (
        (layout.master_preview(tenant, master), derivative.master_preview),
        (layout.preview(tenant, master, recipe.digest), derivative.preview),
        (layout.uncertainty(tenant, master, recipe.model, recipe.pipeline), made.map),
    ):
        if data is not None:
            store.put_if_absent(preview_key, data, media_type="image/jpeg")
    text = json.dumps(ours, ensure_ascii=False, sort_keys=True, indent=1).encode()
    if store.put_if_absent(layout.sidecar(tenant, master, recipe.digest), text, media_type="application/json"):
        return ours
    return find(store, tenant, master, recipe) or ours


def ended(item: Item, tenant: str, recipe: Recipe, sidecars: Mapping[str, Sidecar], **facts: Any) -> Outcome:
    """Returns the success of an item whose derivatives are all stored.

    `recipe` is the job's, `sidecars` has the digest of each derivative's recipe, `facts` what else is told.
    """
    found = [sidecars[each.digest] for each in recipe.each()]
    candidates = [_candidate(tenant, sidecar) for sidecar in found]
    first = candidates[0]
    return success(
        item,
        derivative=first.derivative,
        delta_l=first.delta_l,
        encoded_delta_l=first.encoded_delta_l,
        warnings=first.warnings,
        tone=found[0]["tone"],
        # A sidecar of an earlier version has none.
        uncertainty=found[0].get("uncertainty"),
        candidates=tuple(candidates) if recipe.candidates else (),
        **facts,
    )


def _candidate(tenant: str, made: Sidecar) -> Candidate:
    facts = made["derivative"]
    stored = {name: facts[name] for name in ("sha256", "size", "media_type", "width", "height")}
    key = layout.derivative(tenant, made["master"], made["recipe_sha256"], facts["extension"])
    return Candidate(
        temperature=made["recipe"]["temperature"],
        derivative=StoredDerivative(key=key, **stored),
        delta_l=made["delta_l"],
        encoded_delta_l=made["encoded_delta_l"],
        warnings=tuple(made["warnings"]),
    )


def _measured(stream: IO[bytes]) -> StoredFile:
    """Returns digest and size of what is left of a stream."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return StoredFile(sha256=digest.hexdigest(), size=size)
