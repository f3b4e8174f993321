"""Records of a later version: what it has added is passed over, so that old and new can work side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

Thing = TypeVar("Thing")


def known(cls: type[Thing], values: Mapping[str, Any]) -> Thing:
    """Returns a dataclass of the values that it has fields for; raises TypeError where a field lacks its value."""
    try:
        return cls(**values)
    except TypeError:
        names = {each.name for each in fields(cls)}  # type: ignore[arg-type]  # a dataclass, as every record is
        return cls(**{name: value for name, value in values.items() if name in names})
