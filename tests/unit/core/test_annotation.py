"""What a person said answers the same of any region, however it lies."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sagittal.core.annotation import IGNORE, ClassLabel, Value
from sagittal.core.boxes import Boxes
from sagittal.core.drawn import boxes_of_objects
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.label_map import LabelMap
from sagittal.core.labels import Labels
from sagittal.core.polygons import Outline, Polygons, fill
from sagittal.core.window import Window
from sagittal.errors import Refused, UsageError

TISSUE = Labels(classes=("tissue", "gland", "tumour"), background="tissue")
HERE = Geometry.picture((10, 12))


def ring(n: int, *, centre, radius, seed: int) -> np.ndarray:
    """A star-shaped ring around a centre, ``(n, 2)``."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, n))
    return np.array(centre) + (radius * rng.uniform(0.4, 1, n))[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


RINGS = st.tuples(st.integers(3, 12), st.integers(0, 10**6), st.floats(1, 14), st.floats(-2, 22), st.floats(-2, 22))


@settings(deadline=None)
@given(st.lists(RINGS, min_size=1, max_size=3), st.sampled_from(["evenodd", "nonzero"]))
def test_a_sample_is_inside_when_its_centre_is(found, rule):
    rings = [ring(n, centre=(y, x), radius=r, seed=seed) for n, seed, r, y, x in found]
    inside = fill(rings, (20, 21), rule=rule)
    winding = np.zeros((20, 21), dtype=int)
    near = np.zeros((20, 21), dtype=bool)
    points = shapely.points(*np.moveaxis(np.indices((20, 21)), 0, -1).reshape(-1, 2).T)
    for one in rings:
        shape = shapely.Polygon(one)
        turn = 1 if shapely.LinearRing(one).is_ccw else -1
        winding += turn * shapely.contains_properly(shape, points).reshape(20, 21)
        near |= (shapely.distance(shape.exterior, points) < 1e-9).reshape(20, 21)
    wanted = winding % 2 != 0 if rule == "evenodd" else winding != 0
    assert np.array_equal(inside[~near], wanted[~near])


@pytest.mark.parametrize("seed", range(6))
def test_the_filled_area_is_the_outlines_area(seed):
    shape = ring(40, centre=(200, 210), radius=170, seed=seed)
    exact = shapely.Polygon(shape)
    # a sample more or less where the edge passes: an error that grows with the length of the edge alone
    assert fill([shape], (400, 420), rule="evenodd").sum() == pytest.approx(exact.area, abs=0.5 * exact.length**0.5 + 0.002 * exact.area)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_outlines_that_share_an_edge_share_no_sample_and_leave_none_out(seed, step):
    # whole numbers: the edges pass through centres
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 15, size=(4, 2)).astype(float)
    whole = shapely.convex_hull(shapely.multipoints(corners))
    if not isinstance(whole, shapely.Polygon) or whole.area == 0:
        return
    hull = np.array(whole.exterior.coords)[:-1]
    middle = np.rint(hull.mean(axis=0) * step) / step
    triangles = [np.stack([middle, a, b]) for a, b in zip(hull, np.roll(hull, -1, axis=0), strict=True)]
    if not whole.contains(shapely.Point(middle)):
        return
    parts = sum(fill([t], (16, 16), rule="evenodd").astype(int) for t in triangles)
    assert np.array_equal(parts, fill([hull], (16, 16), rule="evenodd").astype(int))


def test_the_two_rules_differ_where_outlines_overlap():
    outer, inner = np.array([[0, 0], [0, 8], [8, 8], [8, 0]], float) - 0.5, np.array([[2, 2], [2, 6], [6, 6], [6, 2]], float) - 0.5
    assert fill([outer, inner], (8, 8), rule="evenodd").sum() == 64 - 16
    assert fill([outer, inner], (8, 8), rule="nonzero").sum() == 64
    assert fill([outer, inner[::-1]], (8, 8), rule="nonzero").sum() == 64 - 16, "a hole runs the other way round"
    assert fill([], (3, 3), rule="nonzero").sum() == 0
    assert fill([outer * 0], (3, 3), rule="evenodd").sum() == 0
    assert fill([outer + 100], (8, 8), rule="evenodd").sum() == 0
    assert fill([outer * 100 - 50], (8, 8), rule="evenodd").all()


def square(low, high, name="tumour"):
    """World corners ``(x, y)``."""
    (a, b), (c, d) = low, high
    return Outline(rings=(np.array([[a, b], [c, b], [c, d], [a, d]], float),), name=name)


def test_later_outlines_lie_on_top_and_the_rest_is_background():
    said = Polygons(outlines=(square((0, 0), (6, 6), "gland"), square((4, 4), (8, 10)), square((50, 50), (60, 60))), labels=TISSUE)
    mask = said.mask_of(HERE)
    assert mask.shape == (10, 12)
    assert mask[0, 0] == 1
    assert mask[5, 5] == 2, "rows are y"
    assert mask[0, 11] == 0
    assert [(mask == k).sum() for k in range(3)] == [120 - 32 - 24, 36 - 4, 24]
    objects, classes = said.instances_of(HERE)
    assert set(np.unique(objects)) == {0, 1, 2}
    assert classes.tolist() == [1, 2, 2]
    assert said.boxes_of(HERE).tolist() == [[0, 0, 6, 6, 1], [4, 4, 8, 10, 2]]
    assert said.presence_of(HERE).tolist() == [True, True, True]


def test_without_a_background_the_rest_is_not_known():
    said = Polygons(outlines=(square((0, 0), (6, 6)),), labels=Labels(classes=("gland", "tumour")))
    assert set(np.unique(said.mask_of(HERE))) == {IGNORE, 1}
    assert said.label_of(HERE) == 1


@given(st.integers(-4, 12), st.integers(-4, 12), st.integers(1, 9), st.integers(1, 9))
def test_the_mask_of_a_window_is_the_window_of_the_mask(y, x, height, width):
    said = Polygons(outlines=(square((0.3, 1.2), (6.6, 6), "gland"), square((4, 3.7), (8, 9.1))), labels=TISSUE)
    window = Window((y, x), (height, width))
    whole = np.pad(said.mask_of(HERE), 20)
    assert np.array_equal(said.mask_of(HERE.at(window)), whole[y + 20 : y + 20 + height, x + 20 : x + 20 + width])


def test_outlines_are_found_again_on_flipped_turned_and_finer_grids():
    said = Polygons(outlines=(square((1, 2), (5, 7)),), labels=TISSUE)
    mask = said.mask_of(HERE)
    flip = np.array([[-1.0, 0, 9], [0, 1, 0], [0, 0, 1]])
    assert np.array_equal(said.mask_of(HERE.moved(flip)), mask[::-1])
    turned = Geometry(shape=(12, 10), affine=HERE.affine @ np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]]), unit="px")
    assert np.array_equal(said.mask_of(turned), mask.T)
    assert np.array_equal(said.mask_of(HERE.resized((30, 36))), mask.repeat(3, axis=0).repeat(3, axis=1))


def test_the_label_of_a_region_needs_its_share():
    said = Polygons(outlines=(square((0, 0), (3, 2)),), labels=TISSUE)
    assert said.label_of(HERE) == 2, "any sample will do"
    for share, label in ((6 / 120, 2), (6 / 120 + 0.01, 0)):
        strict = Polygons(outlines=said.outlines, labels=TISSUE, least_share=share)
        assert strict.label_of(HERE) == label
        assert strict.presence_of(HERE).tolist() == [True, False, label == 2]
    assert Polygons(outlines=(), labels=TISSUE).label_of(HERE) == 0


def map_of(values, geometry, **more):
    return LabelMap(image=Image.of(np.asarray(values)[None], geometry), labels=more.pop("labels", TISSUE), **more)


@st.composite
def volumes(draw):
    """A label map on a grid whose axes are swapped, flipped and stretched."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = tuple(draw(st.integers(2, 5)) for _ in range(3))
    linear = np.diag(rng.choice([-1, 1], 3) * rng.choice([0.5, 1.0, 3.0], 3))[:, rng.permutation(3)]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, rng.integers(-5, 5, 3)
    return map_of(rng.integers(0, 3, shape), Geometry(shape=shape, affine=affine, unit="mm", frame="patient"))


@given(volumes(), st.integers(0, 10**6))
def test_a_label_map_is_the_same_on_any_grid_of_the_same_points(said, seed):
    own = said.image.geometry
    mask = said.mask_of(own)
    rng = np.random.default_rng(seed)
    order, flips = rng.permutation(3), rng.choice([False, True], 3)
    step = np.zeros((4, 4))
    step[3, 3] = 1
    for new, old in enumerate(order):
        step[old, new] = -1 if flips[new] else 1
        step[old, 3] = own.shape[old] - 1 if flips[new] else 0
    other = Geometry(shape=tuple(own.shape[o] for o in order), affine=own.affine @ step, unit="mm")
    wanted = np.flip(mask.transpose(order), [a for a in range(3) if flips[a]])
    assert np.array_equal(said.mask_of(other), wanted)
    assert np.array_equal(said.mask_of(own.resized(tuple(2 * s for s in own.shape))), mask.repeat(2, 0).repeat(2, 1).repeat(2, 2))
    grown = said.mask_of(own.at(Window((-1, -1, -1), tuple(s + 2 for s in own.shape))))
    assert np.array_equal(grown[1:-1, 1:-1, 1:-1], mask)
    assert (grown[0] == IGNORE).all()


def test_off_a_label_map_is_what_its_maker_says():
    said = map_of([[1, 2]], Geometry.picture((1, 2)), outside=0)
    assert said.mask_of(Geometry.picture((2, 3))).tolist() == [[1, 2, 0], [0, 0, 0]]


def test_numbers_of_a_label_map_stand_for_classes_or_are_refused():
    labels = Labels(classes=("bg", "GM", "WM"), background="bg", codes={"GM": 150, "WM": 30})
    grid = Geometry.picture((1, 4))
    assert map_of([[0, 30, 150, IGNORE]], grid, labels=labels).mask_of(grid).tolist() == [[0, 2, 1, IGNORE]]
    with pytest.raises(Refused, match=r"\[1, 31\]"):
        map_of([[0, 31, 1, 150]], grid, labels=labels).mask_of(grid)


def test_a_map_of_objects_numbers_them_from_one():
    grid = Geometry.picture((2, 4))
    said = map_of(np.array([[0, 7, 7, 0], [0, 0, 900, 900]], np.uint16), grid, objects=True)
    assert said.mask_of(grid).tolist() == [[0, 1, 1, 0], [0, 0, 1, 1]]
    objects, classes = said.instances_of(grid)
    assert objects.tolist() == [[0, 1, 1, 0], [0, 0, 2, 2]]
    assert classes.tolist() == [1, 1]
    assert said.boxes_of(grid).tolist() == [[1, 0, 3, 1, 1], [2, 1, 4, 2, 1]]
    full, classes = map_of(np.array([[3, 3], [5, 5]]), Geometry.picture((2, 2)), objects=True).instances_of(Geometry.picture((2, 2)))
    assert full.tolist() == [[1, 1], [2, 2]]
    assert len(classes) == 2
    with pytest.raises(Refused, match="objects"):
        map_of([[0, 1]], Geometry.picture((1, 2))).instances_of(Geometry.picture((1, 2)))


def test_boxes_are_clipped_to_the_region_and_those_outside_left_out():
    said = Boxes(corners=np.array([[1.0, 2, 5, 6], [20, 20, 25, 25], [-3, -3, 2, 3]]), names=("tumour", "gland", "gland"), labels=TISSUE)
    assert said.boxes_of(HERE).tolist() == [[1, 2, 5, 6, 2], [0, 0, 2, 3, 1]]
    assert said.presence_of(HERE).tolist() == [False, True, True]
    objects, classes = said.instances_of(HERE)
    assert classes.tolist() == [2, 1, 1]
    assert (objects == 1).sum() + (objects == 3).sum() == 16 + 6 - 1
    assert objects[2, 1] == 1, "the smaller one lies on top"
    assert boxes_of_objects(objects, classes, HERE)[0].tolist() == [1, 2, 5, 6, 2]
    empty = Boxes(corners=np.zeros((0, 4)), names=(), labels=TISSUE)
    assert empty.boxes_of(HERE).shape == (0, 5)
    assert not empty.presence_of(HERE).any()
    assert empty.instances_of(HERE)[0].sum() == 0


@given(st.integers(0, 8), st.integers(0, 6), st.integers(1, 6), st.integers(1, 6))
def test_a_box_comes_back_from_the_object_that_it_makes(x, y, width, height):
    said = Boxes(corners=np.array([[x, y, x + width, y + height]], float), names=("gland",), labels=TISSUE)
    clipped = said.boxes_of(HERE)
    assert boxes_of_objects(*said.instances_of(HERE), HERE).tolist() == clipped.tolist()


def test_one_word_is_a_class_and_several_are_not():
    labels = Labels(classes=("CNV", "DME"))
    assert ClassLabel(names=("DME", "CNV"), labels=labels).presence_of(HERE).tolist() == [True, True]
    assert ClassLabel(names=(), labels=labels).presence_of(HERE).tolist() == [False, False]
    with pytest.raises(Refused, match="multilabel"):
        ClassLabel(names=("DME", "CNV"), labels=labels).label_of(HERE)
    with pytest.raises(UsageError, match="did you mean DME"):
        ClassLabel(names=("DMW",), labels=labels).label_of(HERE)
    assert Value(values=(1.5, 2.0), labels=Labels(classes=("a", "b"))).value_of(HERE).tolist() == [1.5, 2.0]


QUESTIONS = ("label_of", "presence_of", "value_of", "mask_of", "instances_of", "boxes_of")
ANSWERS = [
    (ClassLabel(names=("gland",), labels=TISSUE), {"label_of", "presence_of"}),
    (Value(values=(1.0,), labels=TISSUE), {"value_of"}),
    (Boxes(corners=np.zeros((0, 4)), names=(), labels=TISSUE), {"presence_of", "instances_of", "boxes_of"}),
    (Polygons(outlines=(), labels=TISSUE), set(QUESTIONS) - {"value_of"}),
    (map_of(np.zeros((10, 12), int), HERE), {"label_of", "presence_of", "mask_of"}),
]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(("said", "known"), ANSWERS, ids=lambda v: type(v).__name__)
def test_what_cannot_be_answered_is_refused_in_a_sentence(said, known, question):
    if question in known:
        getattr(said, question)(HERE)
        return
    with pytest.raises(Refused) as refused:
        getattr(said, question)(HERE)
    assert refused.value.exit_code == 4
    assert type(said).__name__ in refused.value.what
