"""The sandbox: bytes of strangers are decoded, rendered and encoded in a disposable, limited process.

worker (owns the net) -> nursery (loads the libraries, sees no picture, forks) -> children (each one tenant's pictures)

It keeps one picture's crash, greed or endless loop from everybody else. It is no jail: a child has the user's rights.
"""

from __future__ import annotations

from worker.sandbox.allowances import Allowances
from worker.sandbox.sandbox import Sandbox

__all__ = ["Allowances", "Sandbox"]
