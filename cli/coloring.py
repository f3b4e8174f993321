"""Coloring: one file made into its color pictures in this process, without a service."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from cli.earlier import made_before
from cli.places import Place, output_exists
from photochrom.files.replacing import FULL, appearing
from shared.errors import Misconfigured, PhotochromError, UnknownModel
from shared.layout import DEFAULT_TENANT
from shared.recipes import Recipe
from shared.registry import Model, Registry, load_registry
from shared.settings import Settings

if TYPE_CHECKING:
    from models.nets import Net
    from worker.consultation import Consultation
    from worker.deriving import Deriver
    from worker.orders import Derivative, Order


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One of several results of one file: what differs from one to the other."""

    #: temperature of its recipe
    temperature: float
    #: where it lies
    output: str
    #: what a person should know of it
    warnings: tuple[str, ...]
    #: |L* of derivative - L* of master| before the file was encoded: max, mean, p999
    delta_l: Mapping[str, float]
    #: the same of a lossy file decoded again
    encoded_delta_l: Mapping[str, float] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What became of one file."""

    #: as it was named
    path: str
    #: succeeded or failed; of a file in a folder also existing: its result is there already; or skipped: no picture
    state: str
    #: where the color picture lies; of several candidates the first
    output: str | None = None
    #: stable code of a failure
    code: str | None = None
    #: the failure in words
    detail: str | None = None
    #: what a person should know of a success
    warnings: tuple[str, ...] = ()
    #: what the master was: gray, toned or color
    tone: str | None = None
    #: |L* of derivative - L* of master| before the file was encoded: max, mean, p999
    delta_l: Mapping[str, float] | None = None
    #: the same of a lossy file decoded again
    encoded_delta_l: Mapping[str, float] | None = None
    #: how unsure the net was, 0..1: mean and p95 of its normalized entropy
    uncertainty: Mapping[str, float] | None = None
    #: the results of a recipe with candidates, in its order
    candidates: tuple[Candidate, ...] = ()


def color_file(place: Place, *, force: bool, recipe: Recipe, settings: Settings) -> Done:
    """Colors one file; whatever is wrong with it is told, not raised.

    Raises an error of the `Misconfigured` family where no file could be colored.
    """
    from worker.consultation import Consultation  # noqa: PLC0415 - only what colors pays for it
    from worker.orders import Limits, Order  # noqa: PLC0415

    if place.refusal:
        return _failed(place.path, *place.refusal)
    recipes = recipe.each()
    try:
        with place.path.open("rb") as source:
            master = hashlib.file_digest(source, "sha256").hexdigest()
            there = [] if force else [target for target in place.targets if os.path.lexists(target)]
            if there and (done := _in_the_way(place, master, recipes)):
                return done
            name, sandbox, net = _studio(recipe, settings)
            consultation = Consultation(net, recipes)
            order = Order(
                master=master,
                recipe=recipes[0],
                model_name=name,
                limits=Limits.of(settings),
                net_side=net.input_size,
                previews=False,
                verify=settings.verify_lossy,
            )
            candidates = []
            # Where one cannot be made none appears.
            with ExitStack() as files:
                for each, target in zip(recipes, place.targets, strict=True):
                    file = _opened(files, target, kept=target in there, force=force)
                    made = _derive(sandbox, source, file, replace(order, recipe=each), consultation)
                    candidates.append(_candidate(each, target, made))
    except Misconfigured:
        raise
    except PhotochromError as error:
        return _failed(place.path, error.code, error.detail)
    except FileExistsError:
        return _in_the_way(place, master, recipes) or _failed(place.path, *output_exists(place.targets[0]))
    except OSError as error:
        return _failed(place.path, "file_error", _words(error, place))
    first, unsure = candidates[0], consultation.uncertainty()
    return Done(
        path=str(place.path),
        state="succeeded",
        output=first.output,
        warnings=first.warnings,
        tone=made.tone,
        delta_l=first.delta_l,
        encoded_delta_l=first.encoded_delta_l,
        uncertainty=asdict(unsure) if unsure else None,
        candidates=tuple(candidates) if recipe.candidates else (),
    )


def _opened(files: ExitStack, target: Path, *, kept: bool, force: bool) -> IO[bytes]:
    """Opens the file that becomes a result, or, where that is kept, one that becomes nothing."""
    if kept:
        # Somebody may have worked on it since: it is made again for its figures only.
        return files.enter_context(TemporaryFile(dir=target.parent))
    return files.enter_context(appearing(target, force=force))


def _in_the_way(place: Place, master: str, recipes: Sequence[Recipe]) -> Done | None:
    """Returns what becomes of a file where results are there already; None where it may be colored all the same."""
    for recipe, target in zip(recipes, place.targets, strict=True):
        if os.path.lexists(target) and not (place.found and made_before(target, master=master, recipe=recipe)):
            return _failed(place.path, *output_exists(target, foreign=place.found))
    if place.found and all(map(os.path.lexists, place.targets)):
        return Done(path=str(place.path), state="existing", output=str(place.targets[0]))
    return None


def _derive(
    sandbox: Deriver, source: IO[bytes], file: IO[bytes], order: Order, consultation: Consultation
) -> Derivative:
    source.seek(0)
    return sandbox.derive(
        DEFAULT_TENANT,
        source,
        file,
        order,
        colorist=consultation.colorist(order.recipe),
        admitted=lambda pixels: None,
    )


def _candidate(recipe: Recipe, target: Path, made: Derivative) -> Candidate:
    from worker.provenance import figures  # noqa: PLC0415

    return Candidate(
        temperature=recipe.temperature,
        output=str(target),
        warnings=made.warnings,
        delta_l=figures(made.delta_l),
        encoded_delta_l=figures(made.encoded_delta_l) if made.encoded_delta_l else None,
    )


@cache
def _studio(recipe: Recipe, settings: Settings) -> tuple[str, Deriver, Net]:
    """Returns the model's name, and the sandbox and the loaded net of this process."""
    from models.nets import load_net  # noqa: PLC0415
    from worker.workshop import open_sandbox  # noqa: PLC0415

    model = model_of(recipe, load_registry(settings.models_dir))
    # It starts while the net is loaded.
    sandbox = open_sandbox(settings)
    net = load_net(model, settings.models_dir, threads=_threads(), engine=settings.engine, device=settings.device)
    return model.name, sandbox, net


def model_of(recipe: Recipe, registry: Registry) -> Model:
    """Returns the model that a recipe names; raises UnknownModel for one that is not registered here."""
    model = registry.by_digest(recipe.model)
    if model is None:
        raise UnknownModel(seen=recipe.model)
    return model


def _threads() -> int:
    """Returns the net's threads: all cores in the one process, one in each of several."""
    return 1 if multiprocessing.parent_process() else os.cpu_count() or 1


def _failed(path: Path, code: str, detail: str) -> Done:
    return Done(path=str(path), state="failed", code=code, detail=detail)


def _words(error: OSError, place: Place) -> str:
    folder, words = place.targets[0].parent, error.strerror or str(error)
    if error.errno in FULL:
        return f"{folder} is full, or your share of it is: make room and run the command again."
    # A name of ours, which tells nobody anything, is that of a file in the folder.
    return words if error.filename in (None, str(place.path)) else f"{folder}: {words}"
