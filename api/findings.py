"""Findings: what is wrong with a submission, item by item, told in one answer."""

from __future__ import annotations

from typing import Any, NoReturn

from shared.errors import PhotochromError, UnknownMasters

#: Problems, and masters that are not stored, that an answer names one by one; of the others it has the number.
NAMED = 100


class Findings:
    """Collects problems while a submission streams by, in bounded memory."""

    def __init__(self, *, first_line: int | None = None) -> None:
        """Takes the line (1..) of the first item of a body with an item a line; None for any other body."""
        self._first_line = first_line
        self._problems: list[dict[str, Any]] = []
        self._first: PhotochromError | None = None
        self._unknown: list[dict[str, Any]] = []
        self._unknown_count = 0
        #: problems, without masters that are not stored
        self.count = 0

    def place(self, number: int) -> str:
        """Returns where an item stands, in words."""
        return f"Item {number:,}" if self._first_line is None else f"Line {number + self._first_line:,}"

    def places(self, number: int, other: int) -> str:
        """Returns where two items stand, in words."""
        noun, first = ("Items", 0) if self._first_line is None else ("Lines", self._first_line)
        return f"{noun} {number + first:,} and {other + first:,}"

    def add(self, number: int, field: str, error: PhotochromError) -> None:
        """Takes what is wrong with a field of an item; the detail is a sentence that names the place."""
        self.count += 1
        field = field if self._first_line is not None else f"items.{number}.{field}"
        error.extra |= {"field": field, **self._line(number)}
        self._first = self._first or error
        if len(self._problems) < NAMED:
            where = self._line(number) or {"number": number}
            self._problems.append({**where, "field": field, "code": error.code, "detail": error.detail})

    def add_more(self, count: int) -> None:
        """Counts problems of which nobody knows more than that they are there."""
        self.count += count

    def add_unknown(self, number: int, sha256: str) -> None:
        """Takes an item whose master is not stored."""
        self._unknown_count += 1
        if len(self._unknown) < NAMED:
            self._unknown.append({**self._line(number), "number": number, "sha256": sha256})

    def settle(self, total: int) -> None:
        """Raises for a submission of `total` items (bad ones included) what was found, if anything.

        The error is that of the first problem; masters that are not stored are an error only where all else is right.
        """
        if self._first:
            self._raise_first(self._first)
        if self._unknown_count:
            raise UnknownMasters(
                f"{self._unknown_count:,} of {total:,} items name masters that are not stored: upload them first.",
                unknown=self._unknown,
                count=self._unknown_count,
            )

    def _raise_first(self, first: PhotochromError) -> NoReturn:
        detail, unknown = first.detail, {}
        if self.count > 1:
            detail += f" {self.count - 1:,} more {'problem' if self.count == 2 else 'problems'}, see `problems`."
        if self._unknown_count:
            detail += f" Besides, {self._unknown_count:,} items name masters that are not stored."
            unknown = {"unknown": self._unknown, "unknown_count": self._unknown_count}
        raise type(first)(detail, **first.extra, problems=self._problems, count=self.count, **unknown)

    def _line(self, number: int) -> dict[str, int]:
        return {} if self._first_line is None else {"line": number + self._first_line}
