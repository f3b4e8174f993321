"""Options of `submit` for collections: what is handed over, and what is handed back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from photochrom.bulk.intake import Intake, open_intake
from photochrom.papers.handover import Handover
from photochrom.scans.filters import Filters

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Packages:
    """What was asked for."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    manifest: Path | None
    hash_all: bool
    bag: bool
    bag_info: tuple[str, ...]
    sidecars: bool
    premis: bool

    @classmethod
    def take(cls, options: dict[str, Any]) -> Packages:
        """Takes its own out of a command's options."""
        return cls(**{field.name: options.pop(field.name) for field in fields(cls)})

    @contextmanager
    def intake(self, paths: Sequence[Path], *, out: Path | None, note: Callable[[str], None]) -> Iterator[Intake]:
        """Opens what was handed over, as `open_intake` does; raises click.UsageError."""
        try:
            filters = Filters.of(self.include, self.exclude)
            opened = open_intake(paths, out=out, manifest=self.manifest, filters=filters, note=note)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        with closing(opened) as intake:
            yield intake

    def handover(self, out: Path, *, force: bool) -> Handover:
        """Returns how OUT is to be left; raises click.UsageError."""
        papers = {"sidecars": self.sidecars, "premis": self.premis}
        try:
            return Handover(out=out, bag=self.bag, info=_read_info(self.bag_info), force=force, **papers)
        except ValueError as error:
            raise click.UsageError(str(error)) from error


def _read_info(texts: tuple[str, ...]) -> dict[str, str]:
    """Returns further tags of bag-info.txt, each typed as `Name: value`; raises click.UsageError."""
    info = {}
    for text in texts:
        name, colon, value = (part.strip() for part in text.partition(":"))
        if not (name and colon and value):
            raise click.UsageError(f"--bag-info {text!r} is no tag such as 'Source-Organization: Museum'.")
        info[name] = value
    return info


def package_options(function: F) -> F:
    """Adds the options that `Packages` takes."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--include", multiple=True, metavar="PATTERN", help="Take only these, such as '*.tif'; repeatable."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave these out, such as drafts; repeatable."),
    click.option(
        "--manifest",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="CSV instead of PATHS: path, identifier, sha256 and columns of your own.",
    ),
    click.option("--hash", "hash_all", is_flag=True, help="With --dry-run: read every file."),
    click.option("--bag", is_flag=True, help="Make OUT a BagIt bag."),
    click.option("--bag-info", multiple=True, metavar="'NAME: VALUE'", help="A tag of bag-info.txt; repeatable."),
    click.option("--sidecars/--no-sidecars", default=True, help="A JSON file beside each result.", show_default=True),
    click.option("--premis", is_flag=True, help="A PREMIS document beside each result."),
)
