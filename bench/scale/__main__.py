"""`python -m bench.scale [--small] [NAME...]`: runs the named bars, or all; exits 1 where one does not hold."""

from __future__ import annotations

import sys
from importlib import import_module

from bench.scale.table import Table

#: Modules of this folder with a `measure`, in the order in which all are run, and what the table says of each.
_BARS = {
    "million": "a manifest of a million items over 10,000 tiny masters",
    "service": "the whole service beside the plain loop, and beside the net alone",
    "latency": "50 ms of latency before storage",
    "cores": "one worker on one core, two on two",
    "sleepers": "one worker and eight, with a net that sleeps",
    "polling": "200 clients that poll a running job",
    "killed": "`photochrom submit`, killed again and again",
    "partition": "three hosts, of which one is cut off and comes back",
    "storage": "what an item costs in requests and bytes",
}


def main(words: list[str]) -> int:
    """Runs what `words` name; returns the exit status."""
    small = "--small" in words
    names = [word for word in words if word != "--small"] or list(_BARS)
    if unknown := [name for name in names if name not in _BARS]:
        raise SystemExit(f"Unknown bar {unknown[0]}. Known: {', '.join(_BARS)}; --small runs a tenth.")
    missed = []
    for name in names:
        table = Table(name, _BARS[name], small=small)
        import_module(f"bench.scale.{name}").measure(table)
        missed += [f"{name}: {words}" for words in table.missed]
    for line in missed:
        print(f"MISSED  {line}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
