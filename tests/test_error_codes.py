"""Every documented error is made by the product and produced by a test, as far as the sources tell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from shared.errors import PhotochromError, errors

ROOT = Path(__file__).parents[1]
PRODUCT = ("shared", "api", "worker", "models", "cli")


def _trees(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__):
                yield ast.parse(path.read_text())


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@cache
def _made() -> frozenset[str]:
    """Names that the product calls: the classes of which it makes errors."""
    return frozenset(
        _called(node) for tree in _trees(*PRODUCT) for node in ast.walk(tree) if isinstance(node, ast.Call)
    )


@cache
def _expected() -> tuple[frozenset[str], frozenset[str]]:
    """Names and texts that tests expect: in `pytest.raises`, in assertions, and in tables of cases."""
    names: set[str] = set()
    texts: set[str] = set()
    for tree in _trees("tests"):
        for node in ast.walk(tree):
            is_case = isinstance(node, ast.Call) and _called(node) in ("raises", "param", "parametrize")
            if not is_case and not isinstance(node, ast.Assert):
                continue
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name):
                    names.add(inner.id)
                elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    texts |= {inner.value, inner.value.strip("[]")}
    return frozenset(names), frozenset(texts)


@pytest.mark.parametrize("error", errors(), ids=lambda error: error.code)
def test_every_error_is_produced_by_a_test(error: type[PhotochromError]) -> None:
    """A test expects the class or its code, and the product makes it; a family that nobody makes is no error."""
    if error.__subclasses__() and error.__name__ not in _made():
        return  # it only sums up others
    names, texts = _expected()
    assert error.__name__ in _made(), "nothing makes it: take it out of the tree"
    assert error.__name__ in names or error.code in texts, "no test expects it"


def test_the_walk_sees_what_is_missing() -> None:
    """A class that no test expects and the product does not make would be found."""
    names, texts = _expected()
    assert "NeverRaised" not in _made() | names
    assert "never_raised" not in texts
