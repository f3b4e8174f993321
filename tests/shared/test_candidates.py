"""Candidates: several temperatures in one recipe, each a derivative with a recipe of its own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidRecipe
from shared.ids import new_id
from shared.items import Item
from shared.jobs import Job
from shared.outcomes import Candidate, Outcome, StoredDerivative, success
from shared.recipes import MAX_CANDIDATES, Recipe, resolve

TEMPERATURES = st.lists(
    st.integers(50, 1000).map(lambda thousandths: thousandths / 1000), min_size=1, max_size=MAX_CANDIDATES, unique=True
)


@given(TEMPERATURES)
def test_each_candidate_is_the_recipe_of_its_temperature(temperatures: list[float]) -> None:
    """Candidates are named as if each had been asked for alone, in the order in which they were asked for."""
    recipe = resolve({"candidates": temperatures, "quality": 80})
    alone = [resolve({"temperature": each, "quality": 80}) for each in temperatures]
    assert list(recipe.each()) == alone
    assert [each.digest for each in recipe.each()] == [each.digest for each in alone]
    assert recipe.temperature == temperatures[0]
    with pytest.raises(ValueError, match="of its own"):
        _ = recipe.digest


@given(TEMPERATURES)
def test_candidates_come_back_from_storage(temperatures: list[float]) -> None:
    """A job with candidates comes back from its JSON as it was."""
    job = Job(id=new_id(), tenant="a", created=1.5, model="lite", recipe=resolve({"candidates": temperatures}), total=1)
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job


def test_without_candidates_nothing_changes() -> None:
    """A recipe without candidates is its own only one, and is named and stored as if there were no such field."""
    recipe = resolve({"temperature": 0.5, "candidates": []})
    assert recipe == resolve({"temperature": 0.5})
    assert recipe.each() == (recipe,)
    assert "candidates" not in json.loads(recipe.canonical())
    stored = recipe.to_json()
    assert "candidates" not in stored
    assert Recipe.from_json(stored) == recipe


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param({"candidates": [0.2], "temperature": 0.2}, "exclude each other", id="both"),
        pytest.param({"candidates": [0.2, 0.2004]}, "twice, in 3 decimals", id="the same twice"),
        pytest.param({"candidates": [0.2, 0.01]}, "from 0.05 to 1.0; got 0.01", id="out of range"),
        pytest.param({"candidates": [True]}, "numbers", id="a switch"),
        pytest.param({"candidates": [float("nan")]}, "numbers", id="no number"),
        pytest.param({"candidates": "0.2,0.3"}, "list", id="a text"),
        pytest.param({"candidates": 0.2}, "list", id="a number"),
        pytest.param({"candidates": [n / 10 for n in range(1, 10)]}, "up to 8", id="nine"),
    ],
)
def test_bad_candidates_are_refused_with_words(request_: dict[str, object], words: str) -> None:
    """What is no list of up to 8 different temperatures is refused, and said why."""
    with pytest.raises(InvalidRecipe, match=words):
        resolve(request_)


def test_rows_of_before_are_read() -> None:
    """A row that was written before there were candidates and uncertainty is read; a new one comes back as it was."""
    item = Item(number=1, master="ab" * 32, filename="a")
    made = StoredDerivative(key="k", sha256="s", size=1, media_type="image/png", width=2, height=3)
    other = Candidate(
        temperature=0.7, derivative=made, delta_l={"max": 0.1}, encoded_delta_l=None, warnings=("low_color",)
    )
    new = success(item, derivative=made, candidates=(other, other), uncertainty={"mean": 0.5, "p95": 0.7})
    row = json.loads(json.dumps(new.to_json()))
    assert Outcome.from_json(row) == new
    del row["candidates"], row["uncertainty"]
    old = Outcome.from_json(row)
    assert (old.candidates, old.uncertainty) == ((), None)
