"""The gather against a slow float64 twin, and the promises of ReadMap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagittal.core.geometry import Geometry
from sagittal.ops.warp import ReadMap, Tone, gather, gather_labels


def turn(axes: int, *, degrees: float = 0.0, scale: float = 1.0, shape: tuple[int, ...], source: tuple[int, ...]) -> np.ndarray:
    """A turn in the last two axes and a zoom, about the centres of target and source."""
    affine = np.eye(axes + 1)
    a = np.deg2rad(degrees)
    affine[axes - 2 : axes, axes - 2 : axes] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    affine[:axes, :axes] *= scale
    affine[:axes, axes] = (np.array(source) - 1) / 2 - affine[:axes, :axes] @ ((np.array(shape) - 1) / 2)
    return affine


def slow(values: np.ndarray, through: ReadMap, *, outside: float | None = None, reach: tuple[float, ...] | None = None) -> np.ndarray:
    """Every tap of a tent of half-width ``reach``, in float64, one by one; ``reach`` 1 is linear interpolation."""
    n = through.axes
    at = through.source_of(np.moveaxis(np.indices(through.shape, dtype=float), 0, -1))
    if outside is None and reach is None:
        at = np.clip(at, 0, np.array(values.shape[1:]) - 1)
    reach = reach or (1.0,) * n
    taps = []
    for axis in range(n):
        half = max(1.0, reach[axis])
        where = np.floor(at[..., axis, None] - half) + np.arange(int(np.ceil(2 * half)) + 2)
        weight = np.maximum(0, 1 - np.abs(where - at[..., axis, None]) / half)
        taps.append((where.astype(int), weight / weight.sum(axis=-1, keepdims=True)))
    found = np.zeros((values.shape[0], *through.shape))
    for pick in np.ndindex(*(t[0].shape[-1] for t in taps)):
        index = [taps[a][0][..., k] for a, k in enumerate(pick)]
        weight = np.prod([taps[a][1][..., k] for a, k in enumerate(pick)], axis=0)
        inside = np.all([(i >= 0) & (i < s) for i, s in zip(index, values.shape[1:], strict=True)], axis=0)
        safe = tuple(np.clip(i, 0, s - 1) for i, s in zip(index, values.shape[1:], strict=True))
        tap = values[(slice(None), *safe)].astype(float)
        found += weight * (tap if outside is None else np.where(inside, tap, outside))
    return found


KINDS = ["uint8", "uint16", "int16", "float32", "float64", "int32", "bool"]
SHAPES = [((7, 9), (8, 6)), ((5, 7, 9), (6, 4, 8)), ((1, 9), (3, 4)), ((4, 1, 6), (3, 2, 5)), ((9,), (5,))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("source", "shape"), SHAPES)
@pytest.mark.parametrize("outside", [None, -3.5])
def test_linear_reading_agrees_with_the_slow_twin(kind, source, shape, outside):
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(2, *source)) * 40 + 60).astype(kind)
    n = len(source)
    affine = np.eye(n + 1)
    affine[:n] += rng.normal(size=(n, n + 1)) * 0.3
    through = ReadMap(shape, affine)
    found = gather(values, through, outside="edge" if outside is None else outside, antialias=False)
    assert found.dtype == np.float32
    assert found.shape == (2, *shape)
    np.testing.assert_allclose(
        found, slow(values, through, outside=outside), atol=3e-6 * max(1.0, float(np.abs(values.astype(float)).max()))
    )


@pytest.mark.parametrize(("source", "shape"), [((17, 19), (18, 16)), ((9, 11, 13), (10, 8, 12))])
def test_a_bent_map_agrees_with_the_slow_twin(source, shape):
    rng = np.random.default_rng(2)
    n = len(source)
    field = rng.normal(size=(n, *range(4, 4 + n)))
    through = ReadMap(shape, turn(n, degrees=20, shape=shape, source=source), field)
    values = rng.normal(size=(3, *source)).astype(np.float32)
    np.testing.assert_allclose(gather(values, through), slow(values, through), atol=1e-4)
    labels = rng.integers(0, 9, source).astype(np.uint8)
    near = np.floor(through.source_of(np.moveaxis(np.indices(shape, dtype=float), 0, -1)) + 0.5).astype(int)
    inside = np.all((near >= 0) & (near < source), axis=-1)
    wanted = np.where(inside, labels.astype(int)[tuple(np.moveaxis(np.clip(near, 0, np.array(source) - 1), -1, 0))], -1)
    assert (gather_labels(labels, through) == wanted).all()


@given(st.integers(2, 3), st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3), st.data())
@settings(max_examples=40, deadline=None)
def test_whole_turns_flips_and_shifts_are_exact(axes, order, flips, data):
    source = tuple(data.draw(st.integers(1, 6)) for _ in range(axes))
    order = [a for a in order if a < axes]
    affine = np.zeros((axes + 1, axes + 1))
    affine[axes, axes] = 1
    for target_axis, source_axis in enumerate(order):
        affine[source_axis, target_axis] = -1 if flips[source_axis] else 1
        affine[source_axis, axes] = source[source_axis] - 1 if flips[source_axis] else 0
    values = np.random.default_rng(3).normal(size=(2, *source)).astype(np.float32)
    wanted = np.flip(values, [a + 1 for a in range(axes) if flips[a]]).transpose(0, *(a + 1 for a in order))
    through = ReadMap(wanted.shape[1:], affine)
    assert (gather(values, through) == wanted).all()
    assert (gather(values, through, order="nearest") == wanted).all()


@pytest.mark.parametrize("degrees", [0, 10, 33])
@pytest.mark.parametrize("scale", [1.3, 1.7, 2.0, 2.3, 3.1, 4.6, 9.0])
def test_shrinking_agrees_with_an_exact_tent(scale, degrees):
    rng = np.random.default_rng(4)
    source = (300, 320)
    coarse = rng.uniform(0, 255, (1, 38, 40))
    smooth = gather(coarse.astype(np.float32), ReadMap(source, np.diag([37 / 299, 39 / 319, 1])))
    values = np.clip(smooth * 0.6 + rng.normal(50, 12, smooth.shape), 0, 255).astype(np.uint8)  # edges and speckle
    shape = (int(200 / scale),) * 2
    through = ReadMap(shape, turn(2, degrees=degrees, scale=scale, shape=shape, source=source))
    exact = slow(values, through, reach=through.reach)
    assert np.abs(gather(values, through) - exact).mean() < 1.5
    assert np.abs(gather(values, through, antialias=False) - exact).mean() > 2.0  # the claim needs the filter


def test_shrinking_a_volume_along_one_axis_leaves_the_others_sharp():
    values = np.random.default_rng(5).normal(size=(1, 24, 6, 7)).astype(np.float32)
    affine = np.diag([3.0, 1, 1, 1])
    affine[0, 3] = 1
    through = ReadMap((8, 6, 7), affine)
    exact = slow(values, through, reach=through.reach)
    assert np.abs(gather(values, through) - exact)[:, 1:-1].max() < 1e-5


@pytest.mark.parametrize("order", ["linear", "nearest"])
@pytest.mark.parametrize("degrees", [0, 30])
@pytest.mark.parametrize("axes", [2, 3])
def test_values_are_read_as_they_lie_in_memory(order, degrees, axes):
    """Channels last, blue first, a part of a larger array, turned, mirrored, repeated, read-only: all the same values."""
    rng = np.random.default_rng(6)
    shape = (11, 12, 13)[:axes]
    values = rng.integers(0, 255, (3, *shape)).astype(np.uint8)
    last = np.ascontiguousarray(np.moveaxis(values, 0, -1))
    reverse = np.ascontiguousarray(last[..., ::-1])
    larger = np.pad(values, [(1, 1), *[(2, 3)] * axes])[(slice(1, -1), *[slice(2, -3)] * axes)]
    turned = np.ascontiguousarray(np.swapaxes(values, 1, 2)).swapaxes(1, 2)
    mirrored = np.ascontiguousarray(values[..., ::-1])[..., ::-1]
    fixed = values.copy()
    fixed.setflags(write=False)
    record = np.zeros(values.shape, dtype=[("pad", "u1"), ("v", "u1")])
    record["v"] = values
    through = ReadMap(shape, turn(axes, degrees=degrees, scale=1.05, shape=shape, source=shape))
    wanted = gather(values, through, order=order)
    for lying in (np.moveaxis(last, -1, 0), np.moveaxis(reverse[..., ::-1], -1, 0), larger, turned, mirrored, fixed, record["v"]):
        assert (lying == values).all()
        assert (gather(lying, through, order=order) == wanted).all()
    grey = np.broadcast_to(values[:1], values.shape)
    assert (gather(grey, through, order=order) == wanted[:1]).all()
    assert (gather_labels(larger[0], through) == gather_labels(values[0], through)).all()


def test_labels_keep_their_numbers_and_say_what_lies_outside():
    labels = np.array([[0, 200], [3, 4]], np.uint8)
    found = gather_labels(labels, ReadMap((3, 3), np.eye(3)))
    assert found.dtype == np.int16
    assert found.tolist() == [[0, 200, -1], [3, 4, -1], [-1, -1, -1]]
    assert gather_labels(labels, ReadMap((3, 3), np.eye(3)), outside=255).dtype == np.uint8


def test_a_table_row_comes_back_as_it_is():
    assert gather(np.array([1.5, 2.5]), ReadMap((), np.eye(1))).tolist() == [1.5, 2.5]


@given(st.integers(0, 10**6), st.integers(1, 4), st.tuples(st.integers(1, 9), st.integers(1, 9)))
@settings(max_examples=60, deadline=None)
def test_words_of_bytes_give_what_single_values_give(seed, channels, shape):
    """To the last pixel of the smallest picture: the same values as float32 go through the other kernel."""
    rng = np.random.default_rng(seed)
    stored = np.moveaxis(rng.integers(0, 256, (*shape, channels), dtype=np.uint8), 2, 0)
    through = ReadMap((7, 6), turn(2, degrees=rng.uniform(-90, 90), scale=rng.uniform(0.3, 1.1), shape=(7, 6), source=shape))
    assert (gather(stored, through) == gather(stored.astype(np.float32), through)).all()


@pytest.mark.parametrize("kind", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("order", ["linear", "nearest"])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_a_tone_is_a_product_and_a_sum_of_what_is_read(kind, order, scale):
    values = np.random.default_rng(2).integers(0, 120, (3, 30, 31)).astype(kind)
    through = ReadMap((9, 8), turn(2, degrees=20, scale=scale, shape=(9, 8), source=(30, 31)))
    factor, offset = np.float32([0.5, 2, -1]), np.float32([1, 0, 7])
    wanted = gather(values, through, order=order) * factor[:, None, None] + offset[:, None, None]
    assert (gather(values, through, order=order, tone=Tone(factor, offset)) == wanted).all()
    row = gather(values[:, 0, 0], ReadMap((), np.eye(1)), tone=Tone(factor, offset))
    assert (row == values[:, 0, 0].astype(np.float32) * factor + offset).all()


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_points_go_and_come_back(seed):
    rng = np.random.default_rng(seed)
    field = np.clip(rng.normal(size=(2, 6, 6)), -1.5, 1.5)
    through = ReadMap((40, 50), turn(2, degrees=25, scale=1.4, shape=(40, 50), source=(60, 70)), field)
    at = rng.uniform(0, 40, (9, 2))
    np.testing.assert_allclose(through.target_of(through.source_of(at)), at, atol=1e-3)


def test_only_the_needed_part_of_the_source_is_asked_for():
    through = ReadMap((4, 4), np.array([[1.0, 0, 50], [0, 1, 60], [0, 0, 1]]))
    window = through.window((100, 100))
    assert all(a <= 50 + 0 for a in window.start[:1])
    assert window.stop[0] >= 54
    assert max(window.size) < 16
    far = ReadMap((4, 4), np.array([[1.0, 0, 500], [0, 1, -600], [0, 0, 1]])).window((100, 100))
    assert min(far.size) >= 1
    assert far.stop[0] == 100
    assert far.start[1] == 0


def test_a_map_knows_where_its_target_lies_in_the_world():
    source = Geometry.picture((20, 30))
    through = ReadMap((5, 6), source.resized((5, 6)).index_map(source))
    assert through.geometry(source).same_grid(source.resized((5, 6)))


@pytest.mark.parametrize("affine", [np.eye(2), np.full((3, 3), np.nan)])
def test_a_map_that_cannot_be_read_through_is_refused(affine):
    with pytest.raises(ValueError, match="finite affine"):
        ReadMap((2, 2), affine)


def test_a_field_with_too_few_control_points_is_refused():
    with pytest.raises(ValueError, match="field"):
        ReadMap((2, 2), np.eye(3), np.zeros((2, 3, 4)))


@pytest.mark.parametrize("values", [np.zeros((4, 4)), np.zeros((1, 0, 4))])
def test_values_that_do_not_fit_the_map_are_refused(values):
    with pytest.raises(ValueError, match="cannot be read"):
        gather(values, ReadMap((2, 2), np.eye(3)))


@pytest.mark.parametrize("degrees", [5, 10, 20])
def test_tilted_thick_slices_are_not_blurred_within_the_slice(degrees):
    """The step from slice to slice passes many fine samples; those are all read by the steps within the slice."""
    spacing = np.array([5.0, 1.0, 0.7])
    shape = (9, 40, 50)
    a = np.deg2rad(degrees)
    turned = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    affine = np.eye(4)
    affine[:3, :3] = turned * spacing / spacing[:, None]
    through = ReadMap(shape, affine)
    values = np.random.default_rng(7).normal(size=(1, *shape)).astype(np.float32)
    assert max(through.reach) < 1.2
    assert np.array_equal(gather(values, through), gather(values, through, antialias=False))
    coarser = ReadMap(shape, affine @ np.diag([1, 1, 2.5, 1]))
    assert np.prod(coarser.reach) > 2.4, "fewer samples still are averaged"


def test_how_far_a_sample_reaches_does_not_depend_on_turns_and_flips():
    for degrees in range(0, 360, 15):
        through = ReadMap((9, 9), turn(2, degrees=degrees, scale=1.7, shape=(9, 9), source=(9, 9)))
        np.testing.assert_allclose(through.reach, (1.7, 1.7))
    assert ReadMap((4, 4), np.diag([-2.0, 3.0, 1.0])).reach == (2.0, 3.0)
