"""Values and labels of a volume in one walk: the slow float64 twin, and what the two readings by themselves give."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.ops import warp
from sagittal.ops.randomness import generator
from sagittal.ops.warp import ReadMap, Tone, gather, gather_labels, gather_pair
from sagittal.transforms._compose import Augmentation

SOURCE, PATCH = (44, 37, 50), (24, 28, 19)
EVERYTHING = {"affine": {"rotate": 20, "scale": 0.05, "shift": 0.1, "shear": 5}, "flip": "any", "elastic": {"strength": 0.05, "cells": 3}}


def case(kind: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    coarse = gather(rng.normal(size=(2, 9, 8, 10)).astype(np.float32), ReadMap(SOURCE, np.diag([8 / 43, 7 / 36, 9 / 49, 1])))
    labels = (np.digitize(coarse[0], [-0.4, 0.1, 0.6]) * 50).astype(np.uint8)
    return (coarse * (100 if kind.startswith(("int", "uint")) else 1)).astype(kind), labels


def drawn(seed: int, *, config: dict[str, object] | None = None) -> ReadMap:
    grid = Geometry(shape=SOURCE, affine=np.diag([1.0, 1.05, 0.95, 1.0]), unit="mm")
    rng = generator(seed)
    start = tuple(int(rng.integers(-4, n - s + 5)) for n, s in zip(SOURCE, PATCH, strict=True))
    return Augmentation.of(EVERYTHING if config is None else config).read_map(grid, grid.at(Window(start, PATCH)), rng)


def slow(values: np.ndarray, through: ReadMap, *, outside: float | None = None) -> np.ndarray:
    """Linear interpolation in float64 by another library; off the grid the edge, or one sample of mixing into a number."""
    at = through.source_of(np.moveaxis(np.indices(through.shape, dtype=float), 0, -1))
    wide = [(0, 0), *[(2, 2)] * 3]
    padded = (
        np.pad(values.astype(float), wide, mode="edge") if outside is None else np.pad(values.astype(float), wide, constant_values=outside)
    )
    if outside is None:
        at = np.clip(at, 0, np.array(values.shape[1:]) - 1)
    return np.stack([ndimage.map_coordinates(one, np.moveaxis(at + 2, -1, 0), order=1, mode="nearest") for one in padded])


def nearest_twin(labels: np.ndarray, through: ReadMap, outside: int) -> np.ndarray:
    at = np.floor(through.source_of(np.moveaxis(np.indices(through.shape, dtype=float), 0, -1)) + 0.5).astype(int)
    inside = np.all((at >= 0) & (at < labels.shape), axis=-1)
    safe = tuple(np.moveaxis(np.clip(at, 0, np.array(labels.shape) - 1), -1, 0))
    return np.where(inside, labels.astype(int)[safe], outside)


@pytest.mark.parametrize("seed", range(12))
def test_crop_flip_turn_zoom_and_bend_in_one_walk_agree_with_the_slow_twin(seed):
    values, labels = case()
    through = drawn(seed)
    image, names = gather_pair(values, labels, through)
    np.testing.assert_allclose(image, slow(values, through), atol=1e-4)
    assert (names == nearest_twin(labels, through, -1)).mean() >= 0.9999


@pytest.mark.parametrize("kind", ["float32", "float16", "float64", "int16", "uint16", "uint8", ">i2"])
@pytest.mark.parametrize("outside", ["edge", -2.5])
@pytest.mark.parametrize("label_outside", [0, -1])
def test_together_they_read_what_each_reads_alone(kind, outside, label_outside):
    values, labels = case(kind)
    for seed in range(4):
        through = drawn(seed)
        tone = Tone([2.0, 0.5], -1.0)
        image, names = gather_pair(values, labels, through, outside=outside, label_outside=label_outside, tone=tone)
        alone = gather_labels(labels, through, label_outside)
        assert np.array_equal(image, gather(values, through, outside=outside, tone=tone))
        assert np.array_equal(names, alone)
        assert names.dtype == alone.dtype
        constant = None if outside == "edge" else outside
        wanted = slow(values, through, outside=constant) * np.array([2.0, 0.5]).reshape(2, 1, 1, 1) - 1
        np.testing.assert_allclose(image, wanted, atol=1e-4 * max(1.0, float(np.abs(values.astype(float)).max())))


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "int32", "int64", "bool", ">i4", "uint16"])
def test_labels_of_any_kind_come_with_the_values(kind):
    values, labels = case()
    labels = (labels // 50).astype(kind)
    image, names = gather_pair(values, labels, drawn(3))
    assert np.array_equal(names, nearest_twin(labels, drawn(3), -1))
    assert names.dtype == gather_labels(labels, drawn(3)).dtype
    assert image.dtype == np.float32


def test_arrays_are_read_where_they_lie(tmp_path):
    """Memory-mapped, a part of something larger, other axes first: all the same, and never written to."""
    values, labels = case()
    np.save(tmp_path / "v.npy", values)
    np.save(tmp_path / "l.npy", labels)
    mapped, marks = np.load(tmp_path / "v.npy", mmap_mode="r"), np.load(tmp_path / "l.npy", mmap_mode="r")
    larger = np.pad(values, [(1, 2), (3, 0), (0, 4), (1, 1)])[1:-2, 3:, :-4, 1:-1]
    turned, names_turned = np.asfortranarray(values), np.asfortranarray(labels)
    wanted = gather_pair(values, labels, drawn(5))
    for these, those in ((mapped, marks), (larger, labels), (turned, labels), (values, names_turned)):
        found = gather_pair(these, those, drawn(5))
        assert np.array_equal(found[0], wanted[0])
        assert np.array_equal(found[1], wanted[1])


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 300, 1), (3, 2, 700), (2, 3, 171), (4, 0, 3)])
def test_any_shape_of_patch_is_filled(shape):
    values, labels = case()
    through = ReadMap(shape, np.diag([1.0, 0.9, 0.05, 1.0]))
    image, names = gather_pair(values, labels, through)
    np.testing.assert_allclose(image, slow(values, through), atol=1e-4)
    assert np.array_equal(names, nearest_twin(labels, through, -1))


def test_a_volume_of_one_slice_and_pictures_are_read_too():
    rng = np.random.default_rng(1)
    for source, target in (((1, 9, 8), (2, 5, 6)), ((9, 8), (5, 6))):
        values, labels = rng.normal(size=(3, *source)).astype(np.float32), rng.integers(0, 5, source).astype(np.uint8)
        affine = np.eye(len(source) + 1) * 1.1
        affine[-1, -1] = 1
        image, names = gather_pair(values, labels, ReadMap(target, affine))
        assert np.array_equal(image, gather(values, ReadMap(target, affine)))
        assert np.array_equal(names, nearest_twin(labels, ReadMap(target, affine), -1))


@pytest.mark.parametrize("scale", [1.5, 2.2, 4.3, 6.1])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_only_the_part_that_is_needed_is_filtered_and_nothing_changes(scale, kind, monkeypatch):
    """A patch of a large volume must not cost a filtered copy of all of it."""
    values = np.random.default_rng(2).normal(size=(2, 90, 70, 80)).astype(kind)
    affine = np.diag([scale, 1.0, scale, 1.0])
    affine[:3, 3] = 31, 22, 17
    through = ReadMap((6, 20, 5), affine)
    sizes = []
    monkeypatch.setattr(warp, "shrink", lambda part, reach: (sizes.append(part.size), shrink(part, reach))[1])
    found = gather(values, through)
    assert max(sizes) < values[0].size / 3
    monkeypatch.setattr(ReadMap, "window", lambda _, source: Window.whole(source))
    assert np.array_equal(found, gather(values, through))


def test_labels_on_another_grid_are_refused():
    values, labels = case()
    with pytest.raises(ValueError, match="do not lie on the grid"):
        gather_pair(values, labels[1:], drawn(0))
    with pytest.raises(ValueError, match="labels are integers"):
        gather_pair(values, labels.astype(np.float32), drawn(0))


shrink = warp.shrink
