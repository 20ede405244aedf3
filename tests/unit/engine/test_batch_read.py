"""Reading a batch with torch gives what the kernels give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.engine.batch_read import read_batch
from sagittal.ops.randomness import generator
from sagittal.ops.warp import ReadMap, gather
from sagittal.transforms._compose import Augmentation

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
    found = read_batch(torch.from_numpy(values), through).numpy()
    for one, sample, onto in zip(found, values, through, strict=True):
        np.testing.assert_allclose(one, gather(sample, onto, antialias=False), atol=1e-4)


@pytest.mark.parametrize("axes", [2, 3])
def test_labels_are_the_nearest(axes):
    labels = np.random.default_rng(1).integers(0, 5, (3, 1, *SOURCES[axes])).astype(np.float32)
    through = maps(CONFIGS[-1], axes, 3)
    found = read_batch(torch.from_numpy(labels), through, order="nearest").numpy()
    same = [(one == gather(sample, onto, order="nearest")).mean() for one, sample, onto in zip(found, labels, through, strict=True)]
    assert min(same) >= 0.9999


def test_axes_of_one_sample_are_that_sample():
    values = np.random.default_rng(2).normal(size=(1, 1, 1, 6, 7)).astype(np.float32)
    affine = np.eye(4) * 0.9
    affine[3, 3], affine[0, 3] = 1, 2
    for shape in ((2, 5, 5), (1, 1, 4)):
        through = ReadMap(shape, affine)
        np.testing.assert_allclose(read_batch(torch.from_numpy(values), [through])[0].numpy(), gather(values[0], through), atol=1e-5)


def test_what_does_not_go_together_is_refused():
    values = torch.zeros(2, 1, 4, 4)
    one, other = ReadMap((3, 3), np.eye(3)), ReadMap((2, 3), np.eye(3))
    for wrong in ([one], [one, other], [ReadMap((3, 3, 3), np.eye(4))] * 2, []):
        with pytest.raises(ValueError, match="do not fit"):
            read_batch(values, wrong)
