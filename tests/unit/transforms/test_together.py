"""What MedicalZoo does wrong, as measured on its code: image, label and modalities are moved by one and the same map.

There a rotation draws another angle for image and label (20 of 20), zoom mixes label values (Dice of image against label .70),
shift moves them apart (.535), and each modality gets its own transform.
"""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.ops.randomness import generator
from sagittal.ops.warp import gather, gather_labels, gather_pair
from sagittal.shelf import Shelf
from sagittal.transforms._compose import Augmentation
from sagittal.transforms._kinds import Geometric

SHELF = Shelf("sagittal.transforms", kind="transform")
GEOMETRIC = [name for name in SHELF.names() if isinstance(SHELF.make(name), Geometric)]
STRONG: dict[str, object] = {
    "rotate": 40,
    "zoom": [0.7, 1.4],
    "shift": 0.3,
    "flip": "any",
    "elastic": {"strength": 0.08},
    "affine": {"rotate": 30, "scale": 0.3, "shift": 0.2, "shear": 10},
    "resized_crop": [0.4, 1.0],
}
PARTS = [{name: STRONG.get(name, True)} for name in GEOMETRIC] + [{name: STRONG.get(name, True) for name in GEOMETRIC}]
NAMES = [*GEOMETRIC, "all"]
SHAPE, VALUES = (30, 26, 22), (0, 10, 150, 250)


def case(axes: int) -> np.ndarray:
    """Labels with gaps, as iSeg's, in lumps that are no mirror images of themselves."""
    shape = SHAPE[:axes]
    coarse = np.random.default_rng(4).integers(0, 4, (1, *(7, 6, 5)[:axes]))
    lumps = np.repeat(coarse[0], 5, axis=0)
    for axis in range(1, axes):
        lumps = np.repeat(lumps, 5, axis=axis)
    return np.array(VALUES, np.uint8)[lumps[tuple(slice(0, n) for n in shape)]]


def maps(config: dict[str, object], axes: int):
    """Twenty draws, onto the whole grid and onto patches of it; thick slices, stored right to left."""
    labels = case(axes)
    grid = Geometry(shape=labels.shape, affine=np.diag([*[-1.0, 1.2, 2.0][:axes], 1.0]))
    augment = Augmentation.of(config)
    for seed in range(20):
        start = tuple(int(n) for n in generator(seed).integers(-3, 8, axes))
        place = grid if seed % 2 else grid.at(Window(start, (14, 15, 12)[:axes]))
        yield augment.read_map(grid, place, generator(seed, 1))


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("config", PARTS, ids=NAMES)
def test_label_and_image_go_to_the_same_place(config, axes):
    """An image that is the label, read as an image is, gives the label back wherever it is no mixture of two."""
    labels = case(axes)
    moved = 0
    for through in maps(config, axes):
        image, names = gather_pair(labels[None].astype(np.float32), labels, through, label_outside=0)
        known = gather_labels(np.ones_like(labels), through, 0) > 0
        truth = gather(labels[None].astype(np.float32), through, order="nearest")[0]
        assert (truth == names)[known].all()
        for value in VALUES[1:]:
            seen = gather((labels[None] == value).astype(np.float32), through, antialias=False)[0] > 0.5
            said = names == value
            both, all_of = (seen & said & known).sum(), (seen & known).sum() + (said & known).sum()
            assert all_of < 60 or 2 * both / all_of > 0.9, "Dice of image against label"
        still = names.shape == labels.shape and np.array_equal(names, labels)
        moved += not still
        assert image.shape[1:] == names.shape
    assert moved >= 10, "the parts do move things"


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("config", PARTS, ids=NAMES)
def test_labels_are_never_mixed(config, axes):
    labels = case(axes)
    for through in maps(config, axes):
        for names in (gather_labels(labels, through, 0), gather_pair(labels[None].astype(np.float32), labels, through, label_outside=0)[1]):
            assert set(np.unique(names).tolist()) <= set(VALUES)
            assert names.dtype == labels.dtype


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("config", PARTS, ids=NAMES)
def test_every_modality_moves_alike(config, axes):
    one = np.random.default_rng(0).normal(size=SHAPE[:axes]).astype(np.float32)
    values = np.stack([one, 3 * one + 1, one])
    for through in maps(config, axes):
        image = gather(values, through)
        np.testing.assert_allclose(image[1], 3 * image[0] + 1, atol=1e-4)
        assert np.array_equal(image[0], image[2])


@pytest.mark.parametrize(("name", "place"), [("horizontal", 0), ("vertical", 1), ("depth", 2)])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("tilt", [0.0, 0.2])
def test_a_named_axis_is_the_worlds_however_the_volume_is_stored(name, place, order, tilt):
    """Left and right change places, not whatever the first array axis is: also in tilted volumes."""
    world = np.eye(3)[:, list(order)] * [1.0, -2.0, 0.5]
    turn = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ world
    grid = Geometry(shape=(5, 6, 7), affine=affine)
    values = np.random.default_rng(0).normal(size=(1, 5, 6, 7)).astype(np.float32)
    through = Augmentation.of({"flip": {"axes": name, "p": 1.0}}).read_map(grid, grid, generator(0))
    assert np.array_equal(gather(values, through), np.flip(values, 1 + order.index(place)))
    every = Augmentation.of({"flip": {"axes": "any", "p": 1.0}}).read_map(grid, grid, generator(0))
    assert np.array_equal(gather(values, every), values[:, ::-1, ::-1, ::-1])
