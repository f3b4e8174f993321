"""`python -m bench [NAME...]`: runs the named benches, or all."""

from __future__ import annotations

import sys

from bench import index_memory

_BENCHES = {"throughput": throughput.main, "stages": stages.main, "index_memory": index_memory.main}

if __name__ == "__main__":
    names = sys.argv[1:] or list(_BENCHES)
    if unknown := [name for name in names if name not in _BENCHES]:
        raise SystemExit(f"Unknown bench {unknown[0]}. Known: {', '.join(_BENCHES)}.")
    for number, name in enumerate(names):
        print("\n" * bool(number) + f"== {name}")
        _BENCHES[name]()
