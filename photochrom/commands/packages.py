"""Options of `submit` for collections: what is handed over, and what is handed back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from photochrom.bulk.submission import Submission
from photochrom.commands.intake import Intake, open_intake
from photochrom.errors import ClientError
from photochrom.papers.handover import Handover
from photochrom.papers.reports import Server

#: Tags of bag-info.txt that are told by what is there.
_OURS = ("bagging-date", "bag-software-agent", "payload-oxum")

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
        """Opens what was handed over, as `open_intake` does."""
        asked = {"manifest": self.manifest, "include": self.include, "exclude": self.exclude}
        with closing(open_intake(paths, out=out, note=note, **asked)) as intake:  # type: ignore[arg-type]
            yield intake

    def handover(self, out: Path, *, force: bool) -> Handover:
        """Returns how OUT is to be left; raises click.UsageError."""
        if self.bag_info and not self.bag:
            raise click.UsageError("--bag-info says something of a bag: add --bag.")
        papers = {"sidecars": self.sidecars, "premis": self.premis}
        return Handover(out=out, bag=self.bag, info=_read_info(self.bag_info), force=force, **papers)


@contextmanager
def papers_at_the_end(
    run: Submission, client: Server, intake: Intake, handover: Handover | None
) -> Iterator[list[str]]:
    """Writes the papers when a run ends; when it is broken off the report alone, of what was heard so far.

    The list that it yields is filled with the papers that are not ours and stayed.
    """
    foreign: list[str] = []
    try:
        yield foreign
    except (KeyboardInterrupt, ClientError):
        if handover:
            handover.report(run, intake)
        raise
    if handover:
        foreign += handover.papers(run, client, intake)


def _read_info(texts: tuple[str, ...]) -> dict[str, str]:
    """Returns further tags of bag-info.txt, each typed as `Name: value`; raises click.UsageError."""
    info = {}
    for text in texts:
        name, colon, value = (part.strip() for part in text.partition(":"))
        if not (name and colon and value) or name.lower() in _OURS:
            raise click.UsageError(
                f"--bag-info {text!r} is no tag such as 'Source-Organization: Museum', or one of ours."
            )
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
