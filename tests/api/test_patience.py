"""How long slow requests are waited for before they need a place."""

from __future__ import annotations

from api.patience import patience


def test_who_comes_while_there_is_no_place_is_waited_for_less() -> None:
    """The first moment is everybody's; a server that is full gives a shorter one, but not none."""
    assert 0 < patience(3, 3) == patience(4, 3) < patience(2, 3) == patience(0, 3) <= 0.25
