"""How much is tried: little in `make test`, all of it in `make fuzz`, which sets the variables."""

from __future__ import annotations

import os

#: What everything is drawn from; a failure names it.
SEED = int(os.environ.get("SEED") or 1)

#: Requests to each operation of the API, drawn from the OpenAPI document.
EXAMPLES = int(os.environ.get("EXAMPLES") or 20)

#: Mutants that are decoded.
FILES = int(os.environ.get("FILES") or 200)
