"""Checks of what works on grids: windows and transforms."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sagittal.core import Geometry

if TYPE_CHECKING:
    from sagittal.windows._windowing import Windowing

from sagittal.testing._promise import must

GRIDS = (
    Geometry.picture((17, 23)),
    Geometry.picture((1, 5)),
    Geometry(shape=(9, 11, 4), affine=np.diag([1.0, 1.0, 3.0, 1.0]), unit="mm"),
)
"""A picture, a picture of one row, and a volume with thick slices."""


def check_windowing(windowing: Windowing) -> None:
    """Windows cover every sample, drawn ones depend on the generator alone, and what is promised to be fixed is.

    Raises:
        AssertionError: A promise is broken.
    """
    from sagittal.ops.positions import foreground

    same = pickle.loads(pickle.dumps(windowing))  # noqa: S301 - our own bytes: a worker process is sent it
    pictures = (Geometry.picture((70, 41)), Geometry.picture((5, 200)))
    for grid in (*(pictures if windowing.thin is None else ()), GRIDS[2]):
        seen = np.zeros(grid.shape, dtype=bool)
        cover = windowing.cover(grid)
        must(cover == same.cover(grid), "the cover is a function of the grid")
        for window in cover:
            seen[window.inside(grid.shape).slices] = True
        must(seen.all(), f"the windows of {grid.shape} leave samples out")
        draws = windowing.draws(grid)
        must(draws >= 1, "every case gives a sample")
        must(not windowing.one or draws == 1, "`one` gives one")
        mask = np.zeros(grid.shape, dtype=np.int16)
        mask[tuple(n // 2 for n in grid.shape)] = 1
        where = foreground(mask, rng=np.random.default_rng(0))
        for index in range(draws):
            first, again, other = (windowing.draw(grid, index, np.random.default_rng(s), where) for s in (3, 3, 4))
            must(first == again, "the same generator draws the same window")
            must(not windowing.fixed or first == other, "`fixed` windows do not depend on chance")
            must(len(first.size) == grid.axes and all(n > 0 for n in first.inside(grid.shape).size), "a window touches its grid")


def check_transform(make: Callable[..., Any]) -> None:
    """Made with its defaults, of one kind, picklable, a function of the generator, right for its axes.

    Raises:
        AssertionError: A promise is broken.
    """
    from sagittal.transforms._kinds import Geometric, Intensity, Mixing

    must(all(p.kind is p.KEYWORD_ONLY for p in inspect.signature(make).parameters.values()), "options are keywords")
    part = make()
    kinds = [kind for kind in (Geometric, Intensity, Mixing) if isinstance(part, kind)]
    must(len(kinds) == 1, "it is of one kind: geometric, of intensities, or mixing")
    must(isinstance(part.tables, bool), "it says whether it is for tables")
    same = pickle.loads(pickle.dumps(part))  # noqa: S301 - our own bytes: a worker process is sent it
    checks: dict[type, Callable[[Any, Any, int], None]] = {Geometric: _geometric, Intensity: _intensity, Mixing: _mixing}
    for seed in range(8):
        checks[kinds[0]](part, same, seed)


def _geometric(part: Any, same: Any, seed: int) -> None:
    from sagittal.ops.randomness import generator
    from sagittal.ops.warp import ReadMap

    for grid in GRIDS:
        rng, again = generator(seed), generator(seed)
        affine, field = part.affine(grid, rng), part.field(grid, rng)
        there, bent = same.affine(grid, again), same.field(grid, again)
        must((affine is None) == (there is None) and (field is None) == (bent is None), "chance comes from the generator alone")
        ReadMap(grid.shape, np.eye(grid.axes + 1) if affine is None else affine, field)  # checks the shapes
        must(affine is None or (np.array_equal(affine, there) and abs(np.linalg.det(affine)) > 1e-6), "it can be undone")
        must(field is None or np.array_equal(field, bent), "chance comes from the generator alone")


def _intensity(part: Any, same: Any, seed: int) -> None:
    from sagittal.ops.randomness import generator

    pictures = [(1, 17, 23), (3, 17, 23), (4, 6, 6), (2, 5, 6, 7)]
    shapes = [*(pictures if part.pictures else []), *([(12,)] if part.tables else [])]
    must(shapes, "it is for pictures, for tables, or for both")
    for shape in shapes:
        values = generator(seed, 1).uniform(0, 1, shape).astype(np.float32)
        found = part.apply(values.copy(), generator(seed))
        must(found.shape == shape and found.dtype == np.float32 and np.isfinite(found).all(), "values stay finite float32 of their shape")
        for one in (same, part):
            again = one.apply(values.copy(), generator(seed))
            must(np.array_equal(found, again), "chance comes from the generator alone")


def _mixing(part: Any, same: Any, seed: int) -> None:
    from sagittal.ops.randomness import generator

    for shape in [(5, 1, 6, 7), (4, 2, 3, 4, 5), (6, 9), (1, 3, 4, 4)]:
        images = generator(seed, 1).uniform(0, 1, shape).astype(np.float32)
        targets = np.eye(3, dtype=np.float32)[np.arange(shape[0]) % 3]
        before = images.copy(), targets.copy()
        mixed, soft = part.mix(images, targets, generator(seed))
        must(np.array_equal(images, before[0]) and np.array_equal(targets, before[1]), "its input is not changed")
        must(mixed.shape == shape and mixed.dtype == soft.dtype == np.float32, "images and targets stay float32")
        must(np.allclose(soft.sum(axis=1), 1, rtol=1e-5), "soft targets still add up to 1")
        for one in (same, part):
            must(np.array_equal(mixed, one.mix(images, targets, generator(seed))[0]), "chance comes from the generator alone")
