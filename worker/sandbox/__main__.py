"""`python -m worker.sandbox CONDITIONS`: the nursery, as its keeper starts it."""

from __future__ import annotations

import json
import os
import sys

from worker.sandbox.nursery import Conditions, main

if __name__ == "__main__":
    # Nothing is left to be done at the end: the children follow by the kernel's hand.
    os._exit(main(Conditions(**json.loads(sys.argv[1]))))
