"""Grids, windows, images and labels keep their place, their order and their names."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import PALETTE, Labels
from sagittal.core.prediction import Prediction
from sagittal.core.score import Score
from sagittal.core.window import Window
from sagittal.errors import UsageError

SIDES = st.integers(1, 9)


@st.composite
def grids(draw):
    """A grid of 2 or 3 axes anywhere in the world: turned, flipped, anisotropic."""
    n = draw(st.integers(2, 3))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    turn, _ = np.linalg.qr(rng.normal(size=(n, n)))
    affine = np.eye(n + 1)
    affine[:n, :n] = turn @ np.diag(rng.uniform(0.3, 4, n) * rng.choice([-1, 1], n))
    affine[:n, n] = rng.uniform(-100, 100, n)
    return Geometry(shape=tuple(draw(SIDES) for _ in range(n)), affine=affine, unit="mm", frame="patient")


@st.composite
def windowed(draw):
    """A grid and a window that may reach outside it."""
    grid = draw(grids())
    start = tuple(draw(st.integers(-3, 9)) for _ in grid.shape)
    return grid, Window(start, tuple(draw(st.integers(1, 9)) for _ in grid.shape))


@given(grids())
def test_index_and_world_are_each_others_inverse(grid):
    points = np.random.default_rng(0).uniform(-5, 15, (7, grid.axes))
    assert np.allclose(grid.to_index(grid.to_world(points)), points, atol=1e-9)
    assert np.allclose(grid.points().reshape(-1, grid.axes)[-1], grid.to_world(np.array(grid.shape) - 1))


@given(windowed())
def test_a_crop_keeps_its_place_in_the_world(found):
    grid, window = found
    crop = grid.at(window)
    assert crop.shape == window.size
    assert (crop.unit, crop.frame, crop.spacing) == (grid.unit, grid.frame, pytest.approx(grid.spacing))
    assert np.allclose(crop.to_world(np.zeros(grid.axes)), grid.to_world(window.start))
    assert np.allclose(crop.index_map(grid)[:-1, -1], window.start, atol=1e-9)


@given(grids(), st.data())
def test_resizing_keeps_the_field_of_view_edge_to_edge(grid, data):
    shape = tuple(data.draw(SIDES) for _ in grid.shape)
    small = grid.resized(shape)
    for corner in np.ndindex(*(2,) * grid.axes):
        mine = np.array(corner) * np.array(small.shape) - 0.5
        theirs = np.array(corner) * np.array(grid.shape) - 0.5
        assert np.allclose(small.to_world(mine), grid.to_world(theirs))
    assert small.resized(grid.shape).same_grid(grid)


@given(grids(), st.floats(0.2, 6))
def test_another_spacing_is_as_close_as_whole_samples_allow(grid, step):
    found = grid.with_spacing((step,) * grid.axes)
    for n, old, m, new in zip(grid.shape, grid.spacing, found.shape, found.spacing, strict=True):
        assert m * new == pytest.approx(n * old)
        assert m == max(1, round(n * old / step))


@given(grids())
def test_a_moved_grid_reads_from_where_the_affine_says(grid):
    flip = np.eye(grid.axes + 1)
    flip[0, 0], flip[0, -1] = -1, grid.shape[0] - 1
    flipped = grid.moved(flip)
    assert np.allclose(flipped.points(), grid.points()[::-1])
    assert flipped.moved(flip).same_grid(grid)


@given(grids())
def test_the_same_grid_has_shape_unit_and_corners_in_common(grid):
    assert grid.same_grid(grid)
    shifted = Geometry(shape=grid.shape, affine=grid.affine + np.pad(np.full((grid.axes, 1), 0.01), ((0, 1), (grid.axes, 0))), unit="mm")
    assert not grid.same_grid(shifted)
    assert grid.same_grid(shifted, tolerance=0.02)
    assert not grid.same_grid(Geometry(shape=grid.shape, affine=grid.affine, unit="um"))
    assert not grid.same_grid(grid.resized(tuple(s + 1 for s in grid.shape)))


def test_a_row_of_a_table_is_a_grid_without_axes():
    row = Geometry.none()
    assert (row.axes, row.shape, row.spacing) == (0, (), ())
    assert row.same_grid(Geometry.none())
    assert row.at(Window((), ())).same_grid(row)
    assert row.resized(()).same_grid(row)
    assert row.upright().same_grid(row)
    assert row.points().shape == (0,)
    assert np.array_equal(row.index_map(row), np.eye(1))


def test_the_world_of_a_picture_begins_at_its_corner():
    picture = Geometry.picture((3, 5))
    assert picture.to_world([0, 0]).tolist() == [0.5, 0.5]
    assert picture.to_world([2, 4]).tolist() == [4.5, 2.5], "x is the column"
    assert picture.unit == "px"


@pytest.mark.parametrize("affine", [np.eye(2), np.zeros((3, 3)), np.full((3, 3), np.nan)])
def test_an_affine_that_is_none_is_refused(affine):
    with pytest.raises(ValueError, match="affine"):
        Geometry(shape=(2, 2), affine=affine)


def test_an_affine_cannot_be_changed_afterwards():
    given_affine = np.eye(3)
    grid = Geometry(shape=(2, 2), affine=given_affine)
    given_affine[0, 0] = 9
    assert grid.affine[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 2
    assert json.dumps(grid.record())


@given(windowed())
def test_the_part_of_a_window_inside_a_grid_is_what_both_have(found):
    grid, window = found
    inside = window.inside(grid.shape)
    every = set(np.ndindex(*grid.shape))
    mine = {tuple(int(a + b) for a, b in zip(i, window.start, strict=True)) for i in np.ndindex(*window.size)}
    theirs = {tuple(int(a + b) for a, b in zip(i, inside.start, strict=True)) for i in np.ndindex(*inside.size)}
    assert theirs == every & mine
    assert all(0 <= a <= b <= n for a, b, n in zip(inside.start, inside.stop, grid.shape, strict=True))


@given(
    st.lists(
        st.tuples(st.integers(-20, 20), st.integers(0, 20), st.sampled_from([0.25, 0.5, 1.0, 1 / 3, 2.0, 3.7])), min_size=1, max_size=3
    )
)
def test_a_scaled_window_covers_all_of_the_scaled_box_and_no_more_than_whole_samples_need(boxes):
    window = Window(tuple(a for a, _, _ in boxes), tuple(n for _, n, _ in boxes))
    found = window.scaled([f for _, _, f in boxes])
    for (a, n, f), start, stop in zip(boxes, found.start, found.stop, strict=True):
        assert start <= a * f < start + 1
        assert stop - 1 < (a + n) * f <= stop


def test_a_window_has_as_many_starts_as_sizes_and_none_below_zero():
    for start, size in (((0,), (1, 2)), ((0,), (-1,))):
        with pytest.raises(ValueError, match="window"):
            Window(start, size)
    assert Window.whole(()).slices == ()


def test_an_image_is_read_when_it_is_asked():
    values = np.arange(24, dtype=np.uint16).reshape(1, 4, 6)
    asked = []
    image = Image(
        geometry=Geometry.picture((4, 6)), channels=("value",), load=lambda w: (asked.append(w), values[(slice(None), *w.slices)])[1]
    )
    assert asked == []
    assert np.array_equal(image.read(Window((1, 2), (2, 3))), values[:, 1:3, 2:5])
    assert image.read().shape == (1, 4, 6)
    assert asked[-1] == Window((0, 0), (4, 6))
    assert image.coarser(4) is image, "there is no cheaper way"


def test_a_coarser_image_is_only_asked_for_where_it_is_one():
    half = Image.of(np.zeros((3, 2, 3)), Geometry.picture((4, 6)).resized((2, 3)))
    asked = []
    image = Image(geometry=Geometry.picture((4, 6)), channels=("value",), load=half.load, reduce=lambda f: (asked.append(f), half)[1])
    assert image.coarser(1.0) is image
    assert image.coarser(2.5) is half
    assert asked == [2.5]
    assert half.channels == ("red", "green", "blue")


def test_values_that_do_not_lie_on_the_grid_are_refused():
    with pytest.raises(ValueError, match="grid"):
        Image.of(np.zeros((1, 3, 6)), Geometry.picture((4, 6)))
    assert Image.of(np.zeros((5,)), Geometry.none()).channels == ("c0", "c1", "c2", "c3", "c4")


def test_labels_are_found_by_name_and_come_back_from_their_record():
    labels = Labels(classes=("bg", "GM", "WM"), positive="WM", background="bg", codes={"GM": 7}, colours={"bg": "#000000"}, unit="")
    assert [labels.index(c) for c in labels.classes] == [0, 1, 2]
    assert [labels.code(c) for c in labels.classes] == [0, 7, 2]
    assert labels.colour("bg") == "#000000"
    assert labels.colour("GM") == PALETTE[1]
    assert len(labels) == 3
    assert Labels.from_record(json.loads(json.dumps(labels.record()))) == labels
    with pytest.raises(UsageError, match="did you mean GM"):
        labels.index("GMM")
    with pytest.raises(UsageError, match="did you mean WM"):
        Labels(classes=("GM", "WM"), positive="WMM")
    with pytest.raises(UsageError, match="background"):
        Labels(classes=("GM", "WM"), background="none")
    with pytest.raises(ValueError, match="unique"):
        Labels(classes=("a", "a"))
    with pytest.raises(ValueError, match="list"):
        Labels.from_record({"classes": "abc"})


def test_a_score_has_a_value_or_a_reason_and_never_both():
    score = Score(metric="dice", label="GM", value=0.7991, low=0.7716, high=0.8234, n=968)
    assert score.text() == "0.799 (0.772 to 0.823)"
    assert score.record()["class"] == "GM"
    assert "label" not in score.record()
    assert Score(metric="auc", undefined="one class only", n=3).text() == "undefined: one class only"
    assert Score(metric="mae", value=2.0, unit="mm").text(1) == "2.0"
    for wrong in ({}, {"value": 1.0, "undefined": "no"}, {"value": float("nan")}):
        with pytest.raises(ValueError, match=r"score|NaN"):
            Score(metric="auc", **wrong)


def test_nouns_are_frozen():
    labels = Labels(classes=("a",))
    made = Prediction(case="x", geometry=Geometry.none(), labels=labels, scores=np.ones(1, np.float32), answer=np.array(0))
    for noun, name in ((made, "case"), (labels, "classes"), (Geometry.none(), "shape"), (Window((), ()), "start")):
        with pytest.raises((AttributeError, TypeError)):
            setattr(noun, name, "other")
