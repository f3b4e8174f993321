"""Pulling: a registered model's files, from its mirrors in turn or from a file that a person has downloaded."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from cli import models_folder
from cli.fetching import MirrorFailed, Patience, Progress, fetch
from cli.parts import Part
from models.files import mismatch, mistaken_for, proved
from shared.errors import ModelDamaged, ModelNotFetched, NotAModel
from shared.registry import Model, ModelFile

#: How often one mirror is asked to go on after it hung up, as long as each time brings something.
_TRIES = 5


class Pulled(Enum):
    """What `pull` did."""

    #: nothing: the files were here and right
    ALREADY = "already"
    #: it fetched files that are what the registry says
    FETCHED = "fetched"
    #: it fetched a file whose digest nobody has published, and recorded that
    RECORDED = "recorded"


class Display(Progress, Protocol):
    """Where the progress of a pull goes."""

    def say(self, text: str) -> None:
        """Says something that a person should know now."""


def pull(model: Model, folder: Path, *, source: Path | None, patience: Patience, display: Display) -> Pulled:
    """Brings the model's files into the models folder; nothing has a final name before it is proved.

    Raises ModelNotFetched where no mirror gives a file; NotAModel or ModelDamaged for a `source` that is not right, and
    for a first copy that is no net.
    """
    if model.ships:
        proved(model, folder)
        return Pulled.ALREADY
    with models_folder.opened(folder) as incoming:
        wanted = [file for file in model.files if not _is_right(file, folder)]
        if model.digest and not wanted:
            return Pulled.ALREADY
        for file in wanted or model.files:
            target = incoming / file.name
            if hand := source or _placed(file, folder):
                _take(hand, file, target)
            else:
                _download(model, file, target, patience=patience, display=display)
        if model.digest:
            models_folder.move_up(incoming, wanted)
            return Pulled.FETCHED
        first = models_folder.measured(model, incoming)
        models_folder.enter(first, incoming, str(source or first.files[-1].name))
        return Pulled.RECORDED


def _is_right(file: ModelFile, folder: Path) -> bool:
    return file.sha256 is not None and (folder / file.name).is_file() and mismatch(file, folder / file.name) is None


def _placed(file: ModelFile, folder: Path) -> Path | None:
    """Returns a file without a known digest that somebody has put into the folder under its published name."""
    path = folder / file.name
    return path if file.sha256 is None and path.is_file() else None


def _take(source: Path, file: ModelFile, target: Path) -> None:
    """Takes the file that a person hands over; raises NotAModel or ModelDamaged where it is not the right one."""
    if words := mistaken_for(source):
        raise NotAModel(f"{source} {words}.", seen=str(source))
    models_folder.copy_in(source, target)
    if words := mismatch(file, target):
        target.unlink()
        raise ModelDamaged(f"{source} {words}: it is another file, or did not arrive as a whole.", seen=str(source))


def _download(model: Model, file: ModelFile, target: Path, *, patience: Patience, display: Display) -> None:
    """Asks the mirrors in turn; raises ModelNotFetched with what each said."""
    part = Part(path=target.with_name(f"{target.name}.part"), size=file.size, proved=file.sha256 is not None)
    models_folder.check_room(target.parent, (file.size or 0) - part.done)
    said = []
    for url in file.mirrors:
        display.say(f"{model.name}: {file.name} from {urlsplit(url).hostname}")
        words = _from_mirror(url, file, part, patience=patience, display=display)
        if words is None:
            part.path.replace(target)
            part.remove()
            return
        display.say(f"  {urlsplit(url).hostname} {words}")
        said.append(f"  {url}\n    {words}")
    raise ModelNotFetched(_all_failed(model, file, part, said), seen=list(file.mirrors))


def _from_mirror(url: str, file: ModelFile, part: Part, *, patience: Patience, display: Display) -> str | None:
    """Returns None once the part is right, else what is wrong with the mirror; a wrong file is deleted."""
    begun = part.done > 0
    try:
        _persist(url, part, patience=patience, display=display)
        words = _wrong(file, part.path)
        if words and begun:
            # Bytes of two mirrors, or of two days, may not belong together: that is no fault of this mirror's.
            part.remove()
            _persist(url, part, patience=patience, display=display)
            words = _wrong(file, part.path)
    except MirrorFailed as error:
        return str(error)
    if words is None:
        return None
    part.remove()
    return f"sends a file that {words}"


def _wrong(file: ModelFile, path: Path) -> str | None:
    return mistaken_for(path) or mismatch(file, path)


def _persist(url: str, part: Part, *, patience: Patience, display: Display) -> None:
    """Fetches, and goes on where the mirror hangs up, as long as each try brings something."""
    for left in reversed(range(_TRIES)):
        before = part.done
        try:
            return fetch(url, part, patience=patience, progress=display)
        except MirrorFailed as error:
            if not left or part.done <= before:
                raise
            display.say(f"  {urlsplit(url).hostname} {error}: going on from there")
    return None


def _all_failed(model: Model, file: ModelFile, part: Part, said: list[str]) -> str:
    if not said:
        return f"{file.name} has no mirror. Hand it over: `photochrom models pull {model.name} --from FILE`."
    kept = f"{part.done:,} bytes are kept, and the next pull goes on from there. " if part.done else ""
    tried = "\n".join(said)
    return (
        f"No mirror gave {file.name} of {model.name}.\n{tried}\n{kept}Or open one of these addresses in a browser, "
        f"download the file, and hand it over: `photochrom models pull {model.name} --from FILE`"
    )
