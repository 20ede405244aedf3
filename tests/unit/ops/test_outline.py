"""The outlines of masks: exact, and valid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapely.geometry import Polygon as Shape

from sagittal.core.annotation import fill
from sagittal.ops.components import components
from sagittal.ops.outline import area, outline


@settings(deadline=None, max_examples=200)
@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_filled_again_they_are_the_mask_and_every_one_is_valid(mask):
    found = outline(mask)
    again = np.zeros(mask.shape, int)
    for polygon in found:
        again += fill(polygon, mask.shape, rule="evenodd")
        shape = Shape(polygon[0], polygon[1:])
        assert shape.is_valid and shape.area > 0
        assert area(polygon[0]) > 0 and all(area(hole) < 0 for hole in polygon[1:])
    np.testing.assert_array_equal(again, mask)
    assert len(found) == components(mask, connectivity="faces")[1]


def test_a_ring_that_closes_over_a_corner_has_its_hole():
    mask = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], bool)
    (polygon,) = outline(mask)
    assert len(polygon) == 2 and area(polygon[0]) + area(polygon[1]) == pytest.approx(mask.sum())


def test_only_corners_are_kept():
    assert [len(ring) for ring in outline(np.ones((50, 70), bool))[0]] == [4]


def test_nothing_has_no_outline():
    assert outline(np.zeros((3, 4), bool)) == []
