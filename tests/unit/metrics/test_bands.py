"""A case that comes in bands of rows has the scores that it has as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.core import Geometry, Labels
from sagittal.engine.case_scores import case_metrics, measure
from sagittal.engine.sizes import sizes_of
from sagittal.metrics._bands import Bands, conventions_of
from sagittal.metrics._masks import Masks
from sagittal.tasks.segmentation import segmentation

LABELS = Labels(classes=("tissue", "tumour", "necrosis"), background="tissue")
MONAI = {"hd": {"convention": "monai"}, "hd95": {"convention": "monai"}}
METRICS = case_metrics(segmentation, {"voxel_auc": True, "voxel_specificity": True, "relative_volume_difference": True, **MONAI})
GRID = Geometry(shape=(57, 83), affine=np.array([[0.0, 0.25, 9.0], [0.5, 0.0, -3.0], [0.0, 0.0, 1.0]]), unit="um", frame="slide")


def blobs(seed, *, holds=(1, 2)):
    rng, found = np.random.default_rng(seed), np.zeros(GRID.shape, np.int16)
    for k in holds:
        for _ in range(3):
            top, left = rng.integers(0, 50), rng.integers(0, 70)
            found[top : top + rng.integers(1, 25), left : left + rng.integers(1, 30)] = k
    return found


def alike(found, wanted):
    """The same sentences, and the same numbers but for rounding."""
    pairs = [(found[c], wanted[c]) for c in wanted]
    return all(a == (b if isinstance(b, str) else pytest.approx(b, rel=1e-9, abs=1e-9)) for a, b in pairs)


def banded(truth, answer, scores, cuts):
    bands = Bands(grid=GRID, labels=LABELS, conventions=conventions_of(METRICS), ranked=True)
    for rows in np.split(np.arange(GRID.shape[0]), cuts):
        bands.add(truth[rows], answer[rows], scores[:, rows])
    bands.end()
    return bands


@pytest.mark.parametrize("cuts", [[], [1], [1, 2, 3, 30], list(range(1, 57))])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores_do_not_depend_on_the_bands(seed, cuts):
    rng = np.random.default_rng(seed)
    truth, answer = blobs(seed), np.where(rng.random(GRID.shape) < 0.02, 1, blobs(seed + 10)).astype(np.uint8)
    truth[rng.random(GRID.shape) < 0.05] = -1
    scores = rng.random((3, *GRID.shape)).astype(np.float32)
    whole = Masks(truth=truth, answer=answer, grid=GRID, labels=LABELS, scores=scores)
    bands = banded(truth, answer, scores, cuts)
    one, other = measure(METRICS, bands), measure(METRICS, whole)
    for found, wanted in ((one.measured, other.measured), *((one.trivial[n], other.trivial[n]) for n in other.trivial)):
        assert found.keys() == wanted.keys()
        for metric in wanted:
            assert alike(found[metric], wanted[metric]), metric
    assert all(np.array_equal(one.counted[c], other.counted[c]) for c in other.counted)
    assert sizes_of(METRICS, bands) == sizes_of(METRICS, whole)


@pytest.mark.parametrize(("held", "answered"), [((1,), ()), ((), (1,)), ((), ()), ((1, 2), (2,))])
def test_what_is_missed_added_or_absent_is_said_alike(held, answered):
    truth, answer, scores = blobs(3, holds=held), blobs(4, holds=answered), np.zeros((3, *GRID.shape), np.float32)
    whole = Masks(truth=truth, answer=answer, grid=GRID, labels=LABELS, scores=scores)
    one, other = measure(METRICS, banded(truth, answer, scores, [20, 40])), measure(METRICS, whole)
    assert all(alike(one.measured[m], other.measured[m]) for m in other.measured)


def test_pieces_and_objects_are_not_told_in_bands():
    bands = banded(blobs(0), blobs(1), np.zeros((3, *GRID.shape), np.float32), [])
    with pytest.raises(ValueError, match="whole masks"):
        bands.matched(1)
