"""Patience: how long a request that comes slowly, its head or its body, is waited for before it needs a place."""

from __future__ import annotations

#: While there are places, and while there is none, seconds.
_USUAL = 0.25
_FULL = 0.05


def patience(taken: int, places: int) -> float:
    """Returns how many seconds a head or a body may have the server wait in all, where so many places are taken."""
    return _FULL if taken >= places else _USUAL
