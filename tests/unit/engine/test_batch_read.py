"""Reading a batch with torch gives what the kernels give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.data.unread import Maps
from sagittal.engine.batch_read import places, read_labels, read_values
from sagittal.ops.randomness import generator
from sagittal.ops.warp import ReadMap, gather, gather_labels
from sagittal.transforms._compose import Augmentation

CPU = torch.device("cpu")
SOURCES = {2: (60, 50), 3: (44, 37, 50)}
CONFIGS: list[dict[str, object]] = [
    {},
    {"flip": {"axes": "any", "p": 1.0}},
    {"affine": {"rotate": 20, "scale": 0.1, "shift": 0.1, "shear": 5}},
    {"affine": True, "flip": "any", "elastic": {"strength": 0.05, "cells": 3}},
]


def maps(config: dict[str, object], axes: int, count: int) -> list[ReadMap]:
    source = SOURCES[axes]
    grid = Geometry(shape=source, affine=np.eye(axes + 1))
    size = tuple(n * 2 // 3 for n in source)
    found = []
    for seed in range(count):
        start = tuple(int(generator(seed).integers(-3, n - s + 4)) for n, s in zip(source, size, strict=True))
        found.append(Augmentation.of(config).read_map(grid, grid.at(Window(start, size)), generator(seed, 1)))
    return found


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("config", CONFIGS)
def test_a_batch_is_read_as_the_kernels_read_each_sample(axes, config):
    values = np.random.default_rng(0).normal(size=(5, 2, *SOURCES[axes])).astype(np.float32)
    through = maps(config, axes, 5)
    found = read_values(torch.from_numpy(values), places(Maps.of(through), CPU)).numpy()
    for one, sample, onto in zip(found, values, through, strict=True):
        np.testing.assert_allclose(one, gather(sample, onto, antialias=False), atol=1e-4)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("config", CONFIGS)
def test_labels_are_the_nearest(axes, config):
    labels = np.random.default_rng(1).integers(0, 5, (3, *SOURCES[axes])).astype(np.int16)
    through = maps(config, axes, 3)
    found = read_labels(torch.from_numpy(labels), places(Maps.of(through), CPU)).numpy()
    same = [(one == gather_labels(sample, onto)).mean() for one, sample, onto in zip(found, labels, through, strict=True)]
    assert min(same) >= (0.9999 if "elastic" in config else 1.0)


def test_halfway_the_label_of_the_higher_index_is_taken():
    labels = np.arange(6, dtype=np.int16).reshape(1, 2, 3)
    shifted = ReadMap((3, 4), np.array([[1, 0, -0.5], [0, 1, 0.5], [0, 0, 1]]))
    found = read_labels(torch.from_numpy(labels), places(Maps.of([shifted]), CPU))[0]
    assert found.tolist() == gather_labels(labels[0], shifted).tolist() == [[1, 2, -1, -1], [4, 5, -1, -1], [-1, -1, -1, -1]]


def test_axes_of_one_sample_are_that_sample():
    values = np.random.default_rng(2).normal(size=(1, 1, 1, 6, 7)).astype(np.float32)
    affine = np.eye(4) * 0.9
    affine[3, 3], affine[0, 3] = 1, 2
    for shape in ((2, 5, 5), (1, 1, 4)):
        through = ReadMap(shape, affine)
        found = read_values(torch.from_numpy(values), places(Maps.of([through]), CPU))[0]
        np.testing.assert_allclose(found.numpy(), gather(values[0], through), atol=1e-5)


def test_what_does_not_go_together_is_refused():
    values = torch.zeros(2, 1, 4, 4)
    one, other = ReadMap((3, 3), np.eye(3)), ReadMap((2, 3), np.eye(3))
    for wrong in ([one, other], []):
        with pytest.raises(ValueError, match="one grid"):
            Maps.of(wrong)
    for wrong in ([one], [ReadMap((3, 3, 3), np.eye(4))] * 2):
        with pytest.raises(ValueError, match="do not fit"):
            read_values(values, places(Maps.of(wrong), CPU))
        with pytest.raises(ValueError, match="do not fit"):
            read_labels(values[:, 0].long(), places(Maps.of(wrong), CPU))
