"""Objects one by one: what is learned, and what is made of the answer."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.core.annotation import IGNORE
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.label_map import LabelMap
from sagittal.core.labels import Labels
from sagittal.core.polygons import Outline, Polygons
from sagittal.tasks._objects import parted
from sagittal.tasks.instances import BORDER, instances

LABELS = Labels(classes=("tissue", "gland", "tumour"), background="tissue")
PLACE = Geometry.picture((40, 60))


def rectangle(y, x, h, w, name="gland"):
    ring = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], float)
    return Outline(rings=(ring,), name=name)


def drawn(*rectangles):
    return Polygons(outlines=tuple(rectangle(*r) for r in rectangles), labels=LABELS)


def perfect(target, channels):
    """Scores of a network that is nearly sure of its targets."""
    scores = np.full((channels, *target.shape), 0.02, np.float32)
    for k in range(channels):
        scores[k][target == k] = 0.9
    return scores / scores.sum(axis=0)


def test_touching_objects_come_apart_with_their_classes():
    said = drawn((5, 5, 20, 15), (5, 20, 20, 15, "tumour"), (5, 35, 20, 12), (30, 5, 8, 8))
    encoded = instances.encode(said, PLACE)
    scores = perfect(instances.target(encoded, LABELS), instances.head(LABELS, 2).channels)
    classes, numbers = parted(instances.finish(scores, LABELS, PLACE), len(LABELS))
    assert np.array_equal(classes, said.mask_of(PLACE)), "the border is given back"
    assert len(np.unique(numbers[numbers > 0])) == 4
    truth = instances.objects(said, PLACE)
    assert len(np.unique(truth.astype(int) * 100 + numbers)) == 5, "each object is one of the true ones"


@pytest.mark.parametrize(("doubt", "objects"), [(0.15, 1), (0.25, 2)])
def test_a_border_that_is_not_sure_parts_objects_and_is_given_back(doubt, objects):
    said = drawn((5, 5, 20, 15), (5, 20, 20, 15))
    target = instances.target(instances.encode(said, PLACE), LABELS)
    between = (slice(None), slice(10, 20), slice(18, 22))
    scores = perfect(target, 4)
    scores[between] = np.array([0.02, 0.96 - doubt, 0.02, doubt], np.float32)[:, None, None]
    classes, numbers = parted(instances.finish(scores, LABELS, PLACE), len(LABELS))
    assert numbers.max() == objects
    assert np.array_equal(classes, said.mask_of(PLACE)), "the border is given back"


def test_the_border_is_as_wide_as_said_and_runs_between_touching_objects():
    target = instances.target(instances.encode(drawn((5, 5, 20, 15), (5, 20, 20, 15)), PLACE), LABELS)
    row = target[15]
    wide = int(BORDER)
    assert row[5 : 5 + wide].tolist() == [3] * wide and row[5 + wide] == 1
    assert row[20 - wide : 20 + wide].tolist() == [3] * 2 * wide and row[20 - wide - 1] == 1 and row[20 + wide] == 1


def test_an_object_cut_by_the_window_has_no_border_there_and_what_is_unknown_stays():
    encoded = np.full((12, 12), 4, np.int32)
    assert (instances.target(encoded, LABELS) == 1).all()
    encoded[:3] = IGNORE
    target = instances.target(encoded, LABELS)
    assert (target[:3] == IGNORE).all() and (target[3:] == 1).all()


def test_nothing_there_is_nothing_found():
    target = instances.target(instances.encode(drawn(), PLACE), LABELS)
    assert not target.any()
    assert not instances.finish(perfect(target, 4), LABELS, PLACE).any()


def test_specks_beside_objects_are_dropped_and_small_objects_alone_stay():
    speck = drawn((5, 5, 25, 25), (35, 50, 2, 2))
    target = instances.target(instances.encode(speck, PLACE), LABELS)
    _, numbers = parted(instances.finish(perfect(target, 4), LABELS, PLACE), 3)
    assert numbers.max() == 1
    alone = instances.target(instances.encode(drawn((35, 50, 2, 2), (5, 5, 2, 2)), PLACE), LABELS)
    assert parted(instances.finish(perfect(alone, 4), LABELS, PLACE), 3)[1].max() == 2, "all border, and still objects"


def test_numbers_of_a_mask_are_its_objects_off_the_grid_nothing_is():
    mask = np.array([[0, 7, 7, 9]], np.uint8)
    said = LabelMap(image=Image.of(mask[None], Geometry.picture((1, 4))), labels=Labels(classes=("g", "o"), background="g"), objects=True)
    codes = instances.encode(said, Geometry.picture((1, 4)))
    assert [p.tolist() for p in parted(codes, 2)] == [[[0, 1, 1, 1]], [[0, 1, 1, 2]]]


@pytest.mark.parametrize("ground", [0, 1])
def test_the_background_may_be_any_class(ground):
    names = ("gland", "tissue")[:: 1 if ground else -1]
    labels = Labels(classes=names, background="tissue")
    said = Polygons(outlines=(rectangle(5, 5, 20, 15),), labels=labels)
    target = instances.target(instances.encode(said, PLACE), labels)
    classes, _ = parted(instances.finish(perfect(target, 3), labels, PLACE), 2, ground)
    assert np.array_equal(classes, said.mask_of(PLACE))
