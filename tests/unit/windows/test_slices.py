"""Slices of a volume become pictures and their answers slices again, at their place."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.core.geometry import Geometry
from sagittal.data.ready import Ready
from sagittal.errors import UsageError
from sagittal.ops.randomness import generator
from sagittal.ops.scale import Scale
from sagittal.ops.warp import gather, gather_labels
from sagittal.transforms._compose import Augmentation
from sagittal.windows.slices import slices

GRID = Geometry(shape=(12, 9, 16), affine=np.diag([1.0, 2.0, 1.0, 1.0]), unit="mm")


def volume() -> np.ndarray:
    """Every sample tells its index along the slice axis."""
    return np.broadcast_to(np.arange(9, dtype=np.float32)[None, None, :, None], (1, *GRID.shape)).copy()


@pytest.mark.parametrize("context", [0, 1, 2])
def test_the_neighbours_of_a_slice_are_its_channels_and_the_ends_are_repeated(context):
    made = slices(size=(12, 16), axis=1, context=context)
    ready = Ready(values=volume(), geometry=GRID, grid=GRID, scale=Scale())
    cover = made.cover(GRID)
    assert len(cover) == 9
    for n in (0, 4, 8):
        seen = made.thin.fold(ready.see(made.thin.seen(GRID.at(cover[n]))))
        assert seen.shape == (2 * context + 1, 12, 16)
        wanted = np.clip(np.arange(n - context, n + context + 1), 0, 8)
        assert seen.mean(axis=(1, 2)).tolist() == wanted.tolist()


def test_slices_of_two_modalities_stay_together():
    two = np.concatenate([volume(), volume() + 100])
    made = slices(size=(12, 16), axis=1, context=1)
    ready = Ready(values=two, geometry=GRID, grid=GRID, scale=Scale())
    seen = made.thin.fold(ready.see(made.thin.seen(GRID.at(made.cover(GRID)[4]))))
    assert seen.mean(axis=(1, 2)).tolist() == [3, 4, 5, 103, 104, 105]


def test_augmentation_moves_within_the_slice_only_and_image_and_mask_alike():
    rng = np.random.default_rng(0)
    mask = (rng.random(GRID.shape) > 0.5).astype(np.int16)
    values = (mask * 10 + np.arange(9)[None, :, None] * 100).astype(np.float32)[None]
    made = slices(size=(12, 16), axis=1, context=1)
    place = GRID.at(made.cover(GRID)[4])
    augment = Augmentation.of({"affine": {"rotate": 40, "scale": [0.7, 1.4]}, "elastic": 0.05, "flip": 0})
    thin = made.thin
    plane = thin.plane(place)

    def through(where):
        return thin.lifted(augment.read_map(plane, plane, generator(3, 1, 2)), where, GRID)

    image = thin.fold(gather(values, through(thin.seen(place)), order="nearest"))
    target = thin.flat(gather_labels(mask, through(place), 0))
    assert (np.round(image[:, 3:-3, 3:-3], -2) / 100).mean(axis=(1, 2)).tolist() == [3, 4, 5]
    middle = (image[1] - 400) / 10
    inside = slice(3, -3), slice(3, -3)
    assert (middle[inside] == target[inside]).mean() > 0.97
    assert not np.array_equal(target, mask[:, 4, :])


def test_an_answer_takes_the_place_of_its_slice():
    made = slices(size=(12, 16), axis=1)
    assert made.thin.stood(np.zeros((3, 12, 16), np.float32)).shape == (3, 12, 1, 16)
    assert made.cover(GRID)[2].size == (12, 1, 16)


@pytest.mark.parametrize("wrong", [{"axis": 3}, {"axis": -1}, {"context": -1}])
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError):
        slices(**wrong)
