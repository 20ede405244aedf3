"""On which grid an answer lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sagittal.core import Geometry, Image
from sagittal.engine.prepare import Preparation
from sagittal.engine.sight import answer_grid


def slide(*, shape=(331, 417), mpp=0.5, tiled=True):
    values = np.zeros((3, *shape), np.uint8)
    affine = np.array([[0, mpp, mpp / 2], [mpp, 0, mpp / 2], [0, 0, 1]])
    image = Image.of(values, Geometry(shape=shape, affine=affine, unit="um", frame="slide"), meta={"bits": 8})
    return replace(image, tiled=tiled)


def grids(image, *, spacing=None, multiple=1, size=None):
    """The source's grid, the grid of the network, that of the answer."""
    how = Preparation(
        axes=2, channels="rgb", spacing=None if spacing is None else (spacing,) * 2, high=(255.0,), multiple=multiple, size=size
    )
    ready = how.ready(image)
    return image.geometry, ready.grid, answer_grid(image.geometry, ready)


@pytest.mark.parametrize("spacing", [None, 1.0, 0.37])
def test_what_is_held_in_memory_is_answered_on_its_own_grid(spacing):
    source, _, answer = grids(slide(tiled=False), spacing=spacing, multiple=16)
    assert answer is source


@pytest.mark.parametrize(
    ("spacing", "shape"),
    [
        (None, (331, 417)),
        (0.5, (331, 417)),
        (1.0, (166, 208)),  # 165.5 and 208.5 samples
        (4.0, (41, 52)),
        (0.25, (662, 834)),
    ],
)
def test_a_slide_is_answered_as_finely_as_it_was_seen_and_not_beyond_its_edge(spacing, shape):
    source, seen, answer = grids(slide(), spacing=spacing, multiple=16)
    assert all(n % 16 == 0 for n in seen.shape)
    assert answer.shape == pytest.approx(shape, abs=1)
    assert answer.spacing == pytest.approx((spacing or 0.5,) * 2, rel=0.02)
    # the same corner of the glass, whatever the spacing
    corner = [-0.5, -0.5]
    assert np.allclose(answer.to_world(corner), source.to_world(corner))
    far, edge = (g.to_world([n - 0.5 for n in g.shape]) for g in (answer, source))
    assert np.allclose(far, edge, atol=0.51 * max(answer.spacing)), "to half a sample the field of view of the source"
    assert (answer.unit, answer.frame) == ("um", "slide")


def test_padding_is_left_out_of_an_answer_and_nothing_else():
    _, seen, answer = grids(slide(shape=(33, 50)), multiple=16)
    assert (seen.shape, answer.shape) == ((48, 64), (33, 50))
    assert np.allclose(seen.affine, answer.affine)


def test_the_thinnest_slide_has_an_answer_of_one_sample():
    _, _, answer = grids(slide(shape=(1, 40)), spacing=8.0)
    assert answer.shape[0] == 1
    assert min(answer.shape) >= 1


def test_no_answer_is_larger_than_what_was_seen():
    for n in range(30, 47):
        _, seen, answer = grids(slide(shape=(n, 64)), spacing=1.0)
        assert all(a <= s for a, s in zip(answer.shape, seen.shape, strict=True))
