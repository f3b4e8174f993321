"""The table of a run: each figure as it is known, its bar beside it."""

from __future__ import annotations


class Table:
    """Prints rows, and remembers which bars do not hold.

    A small run is a look and no proof: it is held to what must be exact, and to no bar.
    """

    def __init__(self, name: str, subject: str, *, small: bool) -> None:
        """Prints the heading."""
        self.small = small
        self.missed: list[str] = []
        print(f"\n== {name}: {subject}" + ("  [SMALL: a tenth of it; no bar is claimed]" if small else ""), flush=True)
        print(f"{'':58}{'measured':>16}  bar", flush=True)

    def count(self, whole: int) -> int:
        """Returns `whole`, or a tenth of it in a small run."""
        return whole // 10 if self.small else whole

    def say(self, label: str, value: float | str, *, bar: str = "") -> None:
        """Prints a figure."""
        print(f"{label:58}{_text(value):>16}  {bar}".rstrip(), flush=True)

    def most(self, label: str, value: float, bar: float) -> None:
        """Prints a figure that may be `bar` at most."""
        self._held(label, value, f"{_text(bar)} at most", value <= bar)

    def least(self, label: str, value: float, bar: float) -> None:
        """Prints a figure that must be `bar` at least."""
        self._held(label, value, f"{_text(bar)} at least", value >= bar)

    def exact(self, label: str, value: int, wanted: int) -> None:
        """Prints a count that must be exact, in a small run as well."""
        holds = value == wanted
        self.say(label, value, bar=f"exactly {_text(wanted)}: {'holds' if holds else 'MISSED'}")
        if not holds:
            self.missed.append(f"{label}: {_text(value)} and not {_text(wanted)}")

    def _held(self, label: str, value: float, bar: str, holds: bool) -> None:
        if self.small:
            self.say(label, value, bar=f"({bar})")
            return
        self.say(label, value, bar=f"{bar}: {'holds' if holds else 'MISSED'}")
        if not holds:
            self.missed.append(f"{label}: {_text(value)}, {bar}")


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
