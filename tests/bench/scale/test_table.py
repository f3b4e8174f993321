"""The table of `make bench-scale`: what it holds against a run, and what it does not."""

from __future__ import annotations

import pytest

from bench.scale.__main__ import main
from bench.scale.table import Table


def test_a_bar_that_does_not_hold_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    """A figure on its bar holds, one beyond it is missed, and the line says so."""
    table = Table("name", "subject", small=False)
    table.most("seconds", 2.0, 2)
    table.least("rate", 7.5, 7.5)
    assert table.missed == []
    table.most("seconds", 2.01, 2)
    table.least("rate", 7.49, 7.5)
    assert [words.split(":")[0] for words in table.missed] == ["seconds", "rate"]
    assert capsys.readouterr().out.count("MISSED") == 2


def test_a_small_run_claims_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """A small run says SMALL, and neither that a bar holds nor that it is missed."""
    table = Table("name", "subject", small=True)
    table.most("seconds", 1.0, 2)
    table.most("seconds", 3.0, 2)
    said = capsys.readouterr().out
    assert table.missed == []
    assert "SMALL" in said
    assert "holds" not in said
    assert "MISSED" not in said
    assert table.count(1_000) == 100


def test_a_count_is_exact_in_a_small_run_as_well() -> None:
    """An item that is missing is missed, whatever the size of the run."""
    table = Table("name", "subject", small=True)
    table.exact("succeeded", 100, 100)
    table.exact("succeeded", 99, 100)
    assert table.missed == ["succeeded: 99 and not 100"]


def test_an_unknown_bar_is_refused() -> None:
    """A name that is no bar ends the run with those that are."""
    with pytest.raises(SystemExit, match="Unknown bar nonsense"):
        main(["nonsense"])
