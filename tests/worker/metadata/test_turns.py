"""Turns: points, rectangles and subjects go where the picture's own pixels go."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.metadata.turns import AXES, SIDEWAYS, Turn
from worker.pictures import oriented

#: The orientation that undoes each.
INVERSE = {**{orientation: orientation for orientation in range(1, 9)}, 6: 8, 8: 6}

ORIENTATIONS = st.sampled_from(sorted(AXES))
SIDES = st.integers(1, 300)
PARTS = st.decimals(0, 1, places=6)


def there_and_back(orientation: int, width: int, height: int) -> tuple[Turn, Turn]:
    """The turn, and the one that undoes it."""
    there = Turn(orientation=orientation, width=width, height=height)
    sides = (height, width) if there.sideways else (width, height)
    return there, Turn(orientation=INVERSE[orientation], width=sides[0], height=sides[1])


def test_there_are_eight() -> None:
    """Each orientation is another way to turn, and four lay the picture on its side."""
    assert sorted(AXES) == [*range(1, 9)]
    assert len(set(AXES.values())) == 8
    assert SIDEWAYS == (5, 6, 7, 8)


@given(orientation=ORIENTATIONS, box=st.tuples(PARTS, PARTS, PARTS, PARTS))
def test_a_turn_and_its_inverse_leave_every_box(orientation: int, box: tuple[Decimal, ...]) -> None:
    """Points and rectangles in the unit square come back to the last digit."""
    there, back = there_and_back(orientation, 3, 2)
    unit = (Decimal(1), Decimal(1))
    assert back.point(*there.point(box[0], box[1], unit), unit) == box[:2]
    assert back.box(*there.box(*box, unit), unit) == box


@given(orientation=ORIENTATIONS, width=SIDES, height=SIDES, data=st.data())
def test_a_turn_and_its_inverse_leave_every_subject(
    orientation: int, width: int, height: int, data: st.DataObject
) -> None:
    """A pixel, a circle and a rectangle around one come back."""
    there, back = there_and_back(orientation, width, height)
    pixel = [data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))]
    for subject in (pixel, [*pixel, 9], [*pixel, 9, 5]):
        turned = there.subject(subject)
        assert turned
        assert back.subject(turned) == subject


@given(orientation=ORIENTATIONS, width=SIDES, height=SIDES, data=st.data())
def test_the_subject_goes_where_its_pixel_goes(orientation: int, width: int, height: int, data: st.DataObject) -> None:
    """The pixel that was marked before the picture was turned is the one that is told of afterwards."""
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    picture = np.zeros((height, width), np.uint8)
    picture[y, x] = 1
    turned = Turn(orientation=orientation, width=width, height=height).subject([x, y])
    assert turned
    assert oriented(picture, orientation)[turned[1], turned[0]] == 1


@pytest.mark.parametrize(
    "numbers",
    [[], [5], [5, 5, 1, 1, 1], [40, 5], [5, 30], [-1, 5]],
    ids=["none", "one", "five", "right", "low", "left"],
)
def test_a_subject_that_cannot_be_in_the_picture_is_none(numbers: list[int]) -> None:
    """Other counts of numbers, and pixels outside, are not turned."""
    assert Turn(orientation=6, width=40, height=30).subject(numbers) is None
