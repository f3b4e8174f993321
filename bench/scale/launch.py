"""`python -m bench.scale.launch [--nice N] [--netns NAME] -- ARGUMENT...`: becomes Python with these arguments.

The process and all that it starts are less urgent than others by N, and live in the network namespace NAME.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser


def main() -> None:
    """Takes the command line; does not return."""
    parser = ArgumentParser()
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--netns")
    parser.add_argument("arguments", nargs="+")
    asked = parser.parse_args()
    os.nice(asked.nice)
    command = [sys.executable, *asked.arguments]
    if asked.netns:
        command = ["ip", "netns", "exec", asked.netns, *command]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
