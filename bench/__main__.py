"""`python -m bench [NAME...]`: runs the named benches, or all."""

from __future__ import annotations

import sys
from importlib import import_module

#: Modules of this folder with a `main`, in the order in which all are run.
_BENCHES = (
    "throughput",
    "stages",
    "nets",
    "index_memory",
    "render",
    "chroma",
    "tones",
    "windows",
    "panoramas",
    "files",
    "sizes",
    "sandbox",
)

if __name__ == "__main__":
    names = sys.argv[1:] or list(_BENCHES)
    if unknown := [name for name in names if name not in _BENCHES]:
        raise SystemExit(f"Unknown bench {unknown[0]}. Known: {', '.join(_BENCHES)}.")
    for number, name in enumerate(names):
        print("\n" * bool(number) + f"== {name}")
        import_module(f"bench.{name}").main()
