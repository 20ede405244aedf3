"""Tiles on tissue."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.core import Geometry, Window
from sagittal.errors import UsageError
from sagittal.ops.positions import foreground
from sagittal.ops.tissue import Tissue
from sagittal.windows._windowing import seeing
from sagittal.windows.tissue import tissue
from sagittal.windows.whole import whole

GRID = Geometry.picture((1024, 1536))


def found(*boxes, shape=(128, 192)):
    mask = np.zeros(shape, bool)
    for top, left, rows, columns in boxes:
        mask[top : top + rows, left : left + columns] = True
    return Tissue(mask=mask, doubtful=np.zeros_like(mask), geometry=GRID.resized(shape), threshold=0.1)


def test_only_tiles_with_enough_tissue_are_taken():
    # one box of 256 x 512 samples of the grid, on tile borders, and a sliver of 8 columns in the next tile
    here = seeing(tissue(size=256, share=0.1), found((32, 32, 32, 64 + 1)))
    assert [w.start for w in here.cover(GRID)] == [(256, 256), (256, 512)]
    assert here.draws(GRID) == 2
    every = seeing(tissue(size=256, share=0.0), found((32, 32, 32, 64 + 1)))
    assert [w.start for w in every.cover(GRID)] == [(256, 256), (256, 512), (256, 768)]


def test_without_tissue_the_fullest_tile_is_taken():
    assert len(seeing(tissue(size=256), found()).cover(GRID)) == 1
    assert [w.start for w in seeing(tissue(size=256, share=0.9), found((40, 100, 3, 3))).cover(GRID)] == [(256, 768)]


def test_tiles_drawn_at_random_lie_on_tissue_or_on_objects():
    where = found((32, 32, 32, 64))
    mask = np.zeros(GRID.shape, np.uint8)
    mask[900:910, 1400:1410] = 1
    objects = foreground(mask, rng=np.random.default_rng(0))
    here = seeing(tissue(size=128, per_case=50, on_object=0.5), where)
    assert here.draws(GRID) == 50
    rng = np.random.default_rng(0)
    drawn = [here.draw(GRID, i, rng, objects) for i in range(200)]
    on_object = [mask[w.slices].any() for w in drawn]
    assert 0.35 < np.mean(on_object) < 0.65
    assert all(where.share(GRID.at(w)) > 0 for w, held in zip(drawn, on_object, strict=True) if not held)
    assert len({w.start for w in drawn}) > 150
    assert all(w == Window(w.inside(GRID.shape).start, w.inside(GRID.shape).size) for w in drawn)


def test_other_windowings_do_not_look():
    plain = whole()
    assert seeing(plain, found()) is plain
    assert len(seeing(tissue(size=256), None).cover(GRID)) == 24


@pytest.mark.parametrize("wrong", [{"per_case": -1}, {"per_case": True}, {"share": 2}, {"on_object": "x"}, {"size": 0}, {"overlap": 1}])
def test_options_that_mean_nothing_are_refused(wrong):
    with pytest.raises(UsageError):
        tissue(**wrong)
