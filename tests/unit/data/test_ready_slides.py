"""A slide is seen window by window, byte for byte as if it had been held in memory."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sagittal.core import Geometry, Image, Window
from sagittal.engine.prepare import Preparation
from sagittal.errors import Refused
from sagittal.ops.warp import ReadMap

SHAPE = (331, 417)


def slide(mpp=0.5, *, tiled=True, unit="um", shape=SHAPE):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (3, *shape), dtype=np.uint8)
    affine = np.array([[0, mpp, mpp / 2], [mpp, 0, mpp / 2], [0, 0, 1]])
    image = Image.of(values, Geometry(shape=shape, affine=affine, unit=unit, frame="slide"), meta={"bits": 8})
    return replace(image, tiled=tiled)


def turned(place, source, rng):
    angle = rng.uniform(-math.pi, math.pi)
    middle = np.array([(n - 1) / 2 for n in place.shape])
    turn = np.eye(3)
    turn[:2, :2] = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) * rng.uniform(0.6, 1.7)
    turn[:2, 2] = middle - turn[:2, :2] @ middle
    field = rng.normal(0, 3, (2, 5, 5)) if rng.random() < 0.5 else None
    return ReadMap(place.shape, place.index_map(source) @ turn, field)


@pytest.mark.parametrize("spacing", [None, 0.5, 1.0, 1.7, 0.37, 4.0])
@pytest.mark.parametrize("channels", ["rgb", "grey"])
def test_windows_of_a_slide_are_those_of_the_same_picture_in_memory(spacing, channels):
    how = Preparation(
        axes=2, channels=channels, spacing=None if spacing is None else (spacing,) * 2, high=(255.0,), mean=(0.4,), std=(0.3,), multiple=16
    )
    late, early = how.ready(slide()), how.ready(slide(tiled=False))
    assert late.lazy
    assert not early.lazy
    assert late.grid.same_grid(early.grid)
    rng = np.random.default_rng(1)
    for _ in range(12):
        at = tuple(int(rng.integers(-20, n)) for n in late.grid.shape)
        place = late.grid.at(Window(at, (48, 64)))
        assert np.array_equal(late.see(place), early.see(place))
        through = turned(place, late.geometry, rng)
        assert np.array_equal(late.see(place, through), early.see(place, through))
        assert np.array_equal(late.unit(place, through), early.unit(place, through))


def test_far_from_the_corner_of_a_large_slide_nothing_is_rounded_otherwise():
    how = Preparation(axes=2, channels="rgb", spacing=(0.731, 0.731), high=(255.0,))
    late, early = how.ready(slide(0.2527, shape=(40, 60_000))), how.ready(slide(0.2527, tiled=False, shape=(40, 60_000)))
    for at in (0, 7_777, 19_000):
        place = late.grid.at(Window((0, at), (8, 256)))
        assert np.array_equal(late.see(place), early.see(place))


def test_only_what_a_window_needs_is_read():
    asked = []
    image = slide()
    watched = replace(image, load=lambda w: (asked.append(w), image.load(w))[1])
    ready = Preparation(axes=2, channels="rgb", high=(255.0,)).ready(watched)
    assert asked == []
    ready.see(ready.grid.at(Window((100, 100), (32, 32))))
    assert max(asked[0].size) < 50


def test_a_spacing_needs_micrometres():
    how = Preparation(axes=2, spacing=(1.0, 1.0), unit="um")
    for source in (slide(unit="px"), Image.of(np.zeros((3, 8, 8), np.uint8), Geometry.picture((8, 8)))):
        with pytest.raises(Refused, match="NO_MPP"):
            how.grid(source.geometry)
    with pytest.raises(Refused, match="NO_MPP"):
        Preparation(axes=2, spacing=(1.0, 1.0)).grid(slide(unit="px").geometry)
    assert how.grid(slide().geometry).spacing == pytest.approx((1.0, 1.0), rel=0.01)


def test_a_scale_of_the_slide_itself_is_measured_in_an_overview():
    ready = Preparation(axes=2, channels="rgb", scaling="max_min").ready(slide())
    assert ready.scale.high[0] > 200
