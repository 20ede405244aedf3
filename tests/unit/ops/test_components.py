"""Pieces and holes of label maps: against scipy, scikit-learn's neighbours of it, and SimpleITK."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sagittal.core import Geometry
from sagittal.ops.components import components, largest, remove_small
from sagittal.ops.holes import fill_holes

STRUCTURE = {"full": lambda axes: np.ones((3,) * axes), "faces": lambda axes: ndimage.generate_binary_structure(axes, 1)}


def maps(seed, *, axes=None, classes=4):
    """Random and structured label maps of two and three axes: noise, blobs, shells."""
    rng = np.random.default_rng(seed)
    axes = axes or int(rng.integers(2, 4))
    shape = tuple(rng.integers(1, 24 if axes == 2 else 14, axes))
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), rng.choice([0, 0.7, 1.5, 3]))
    edges = np.quantile(smooth, np.linspace(0, 1, classes + 1)[1:-1])
    return np.digitize(smooth, edges).astype(rng.choice(["uint8", "int16", "int64"]))


def of_class(labels, k, connectivity):
    return ndimage.label(labels == k, STRUCTURE[connectivity](labels.ndim))


@given(seed=st.integers(0, 2**32 - 1), connectivity=st.sampled_from(["full", "faces"]), order=st.sampled_from("CF"))
@settings(max_examples=200, deadline=None)
def test_the_pieces_of_a_mask_of_truth_values_are_scipy_s(seed, connectivity, order):
    rng = np.random.default_rng(seed)
    mask = np.asarray(rng.random(rng.integers(1, 9, rng.integers(1, 4))) < rng.choice([0.15, 0.3, 0.5, 0.7]), order=order)
    found, n = components(mask, connectivity=connectivity)
    theirs, m = of_class(mask, True, connectivity)
    assert n == m == found.max(initial=0)
    assert ((found > 0) == mask).all(), "the background belongs to no piece"
    assert len(set(zip(found.flat, theirs.flat, strict=True))) == n + (not mask.all()), "one number of ours for one of theirs"


@given(seed=st.integers(0, 2**32 - 1), connectivity=st.sampled_from(["full", "faces"]))
@settings(max_examples=60, deadline=None)
def test_the_largest_piece_of_each_class_is_scipy_s(seed, connectivity):
    labels = maps(seed)
    kept = largest(labels, connectivity=connectivity)
    assert kept.dtype == labels.dtype and kept is not labels
    for k in np.unique(labels[labels > 0]):
        pieces, n = of_class(labels, k, connectivity)
        sizes = ndimage.sum_labels(np.ones(labels.shape), pieces, np.arange(1, n + 1))
        assert (kept == k).sum() == sizes.max()
        assert ((kept == k) == (pieces == 1 + int(sizes.argmax()))).all(), "of equal pieces the first in memory"
    assert (kept[labels == 0] == 0).all()


@given(seed=st.integers(0, 2**32 - 1), least=st.floats(0, 40), connectivity=st.sampled_from(["full", "faces"]))
@settings(max_examples=60, deadline=None)
def test_small_pieces_are_removed_by_volume(seed, least, connectivity):
    labels = maps(seed)
    grid = Geometry(shape=labels.shape, affine=np.diag([*(2.0, -0.5, 1.5)[: labels.ndim], 1.0]), unit="mm")
    kept = remove_small(labels, grid, volume=least, connectivity=connectivity)
    wanted = labels.copy()
    for k in np.unique(labels[labels > 0]):
        pieces, n = of_class(labels, k, connectivity)
        for i in range(1, n + 1):
            if (pieces == i).sum() * grid.cell < least:
                wanted[pieces == i] = 0
    np.testing.assert_array_equal(kept, wanted)


def test_only_the_named_classes_are_treated_and_the_background_may_be_any():
    labels = np.array([[1, 0, 1, 1, 2, 0, 2, 2]])
    assert largest(labels, classes=[2]).tolist() == [[1, 0, 1, 1, 0, 0, 2, 2]]
    assert largest(labels, background=2).tolist() == [[2, 0, 1, 1, 2, 2, 2, 2]]
    assert fill_holes(np.array([[2, 2, 2], [2, 1, 2], [2, 2, 2]]), background=1).tolist() == [[2] * 3] * 3
    ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    assert (fill_holes(ring, classes=[2]) == ring).all() and fill_holes(ring, classes=[1])[1, 1] == 1


def test_a_volume_that_is_reached_but_for_rounding_stays():
    grid = Geometry(shape=(3, 1), affine=np.diag([0.7, 1, 1]), unit="mm")
    assert remove_small(np.ones((3, 1), int), grid, volume=2.1).all() and 3 * 0.7 < 2.1
    assert not remove_small(np.ones((3, 1), int), grid, volume=2.11).any()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_a_filled_mask_is_scipy_s(seed):
    mask = maps(seed, classes=3) == 1
    filled = fill_holes(mask.astype(np.uint8))
    np.testing.assert_array_equal(filled > 0, ndimage.binary_fill_holes(mask))
    assert (fill_holes(mask) == filled).all()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_holes_of_each_class_are_filled_where_there_is_background(seed):
    labels = maps(seed)
    filled = fill_holes(labels)
    wanted = labels.copy()
    for k in np.unique(labels[labels > 0]):
        wanted[ndimage.binary_fill_holes(labels == k) & (wanted == 0)] = k
    np.testing.assert_array_equal(filled, wanted)


@pytest.mark.parametrize("seed", range(6))
def test_a_filled_volume_is_simpleitk_s(seed):
    sitk = pytest.importorskip("SimpleITK")
    labels = maps(seed, axes=3)
    for k in range(1, 4):
        wanted = sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray((labels == k).astype(np.uint8))))
        np.testing.assert_array_equal(fill_holes(labels == k), wanted > 0)


def test_nothing_and_everything():
    for labels in (np.zeros((3, 4), np.uint8), np.ones((3, 4, 2), np.int16), np.zeros((0, 4), np.uint8)):
        assert (largest(labels) == labels).all() and (fill_holes(labels) == labels).all()
        assert components(labels)[1] == int(labels.any())
