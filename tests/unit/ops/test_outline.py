"""The outlines of masks: exact, and valid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapely.geometry import Polygon as Shape

from sagittal.core.polygons import fill
from sagittal.ops.components import components
from sagittal.ops.outline import Tracing, area, outline, pieces


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


def as_told(found):
    return [(p.label, [ring.tolist() for ring in p.polygon], p.first, p.last, p.samples, p.centre) for p in found]


@settings(deadline=None, max_examples=200)
@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 9)), elements=st.integers(0, 3)), st.lists(st.integers(1, 4)))
def test_rows_that_come_in_bands_give_the_same_pieces_in_the_same_order(labels, bands):
    tracing, found, row = Tracing(labels.shape[1]), [], 0
    for n in [*bands, len(labels)]:
        found += tracing.add(labels[row : row + n])
        row += n
    whole = pieces(labels)
    assert as_told([*found, *tracing.close()]) == as_told(whole)
    numbers, count = components(labels, connectivity="faces")
    assert count == len(whole) and sorted(p.samples for p in whole) == sorted(np.bincount(numbers.ravel())[1:].tolist())
    for piece in whole:
        mine = fill(piece.polygon, labels.shape, rule="evenodd")
        shape = Shape(piece.polygon[0], piece.polygon[1:])
        assert shape.is_valid and shape.area == piece.samples == mine.sum()
        assert (labels[mine] == piece.label).all() and np.allclose(np.argwhere(mine).mean(axis=0), piece.centre)


def test_a_piece_is_given_as_soon_as_no_row_can_belong_to_it_and_its_corners_are_forgotten():
    tracing = Tracing(1000)
    rng = np.random.default_rng(0)
    for _ in range(40):
        tracing.add((rng.random((50, 1000)) > 0.6).astype(np.uint8))
        tracing.add(np.zeros((1, 1000), np.uint8))
    assert not tracing.close()
    assert len(tracing._front._corners) < 5 * 51 * 1001, "what one band needs"
