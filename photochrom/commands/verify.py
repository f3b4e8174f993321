"""`photochrom verify`: whether the results in a folder are still those that the server made."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from photochrom.bagit.bags import DECLARATION, PAYLOAD, Bag
from photochrom.bulk.outputs import outputs
from photochrom.commands.options import SOME_FAILED, Command, json_option
from photochrom.files.fixity import cores, many
from photochrom.papers.table import REPORT, read

#: Findings that are no reason to worry.
SOUND = "sound"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What became of one result."""

    #: relative to the folder of the report
    path: str
    #: sound, changed, missing or unreadable
    state: str
    #: SHA-256 that the report says
    expected: str
    #: SHA-256 of the file, or why there is none
    found: str


def findings(folder: Path, *, threads: int) -> Iterator[Finding]:
    """Yields a finding for each result that the report in `folder` names; reads them. Raises OSError, ValueError."""
    expected = _expected(folder)
    ahead: list[str] = []

    def files() -> Iterator[tuple[Path, tuple[str, ...]]]:
        for path, digest in expected:
            ahead.append(digest)
            yield folder / path, ("sha256",)

    for path, found in many(files(), threads=threads):
        digest, name = ahead.pop(0), path.relative_to(folder).as_posix()
        if isinstance(found, OSError):
            state = "missing" if isinstance(found, FileNotFoundError) else "unreadable"
            yield Finding(path=name, state=state, expected=digest, found=found.strerror or "")
        else:
            state = SOUND if found["sha256"] == digest else "changed"
            yield Finding(path=name, state=state, expected=digest, found=found["sha256"])


def _expected(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields path and SHA-256 of each result."""
    for row in read(folder / REPORT):
        if not row["output"]:
            continue
        digests = row.get("candidate_sha256", "").split()
        if not digests:
            yield row["output"], row["derivative_sha256"]
            continue
        candidates = {"candidates": [float(each) for each in row["candidate_temperatures"].split()]}
        yield from zip(outputs(row["output"], candidates), digests, strict=True)


@click.command(cls=Command)
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def verify(out: Path, as_json: bool) -> None:
    """Check that the results in OUT, also on another disk, still have the SHA-256 of the report that lies with them.

    A bag is checked as a bag as well. No server is asked. Exit status: 0 all sound, 1 some are not, 2 nothing to check.
    """
    threads = cores()
    bag = (out / DECLARATION).exists()
    folder = out / PAYLOAD if bag or (out / PAYLOAD / REPORT).is_file() else out
    if not (folder / REPORT).is_file():
        raise click.UsageError(f"There is no {REPORT} in {out}: `photochrom submit --out` writes one.")
    counts: Counter[str] = Counter()
    try:
        for finding in findings(folder, threads=threads):
            counts[finding.state] += 1
            if finding.state != SOUND:
                _say(finding, as_json=as_json)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if bag:
        Bag(out, threads=threads).close()
    if as_json:
        click.echo(json.dumps({"summary": {"sound": 0, **counts}}))
    else:
        rest = "".join(f", {count} {state}" for state, count in sorted(counts.items()) if state != SOUND)
        click.echo(f"{counts[SOUND]} sound{rest}{', and the bag is valid' if bag else ''}.")
    sys.exit(SOME_FAILED if set(counts) - {SOUND} else 0)


def _say(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        line = {"path": finding.path, "state": finding.state, "expected": finding.expected, "found": finding.found}
        click.echo(json.dumps(line, ensure_ascii=False))
    else:
        click.echo(f"{finding.state}\t{finding.path}\t{finding.found}")
