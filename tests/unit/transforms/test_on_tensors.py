"""Intensities of a batch that a device reads are those that a worker would give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sagittal.ops.randomness import generator
from sagittal.shelf import Shelf
from sagittal.transforms._compose import Augmentation
from sagittal.transforms._kinds import Intensity, OnTensor

SHELF = Shelf("sagittal.transforms", kind="transform")

PARTS = [name for name in SHELF.names() if isinstance(SHELF.make(name), Intensity) and getattr(SHELF.make(name), "pictures", True)]
OPTIONS: dict[str, list[dict[str, object]]] = {
    "noise": [{"sd": 0.3}, {"sd": 0.3, "scale": "patch"}],
    "gamma": [{}, {"scale": "patch"}],
    "blur": [{"p": 1.0}, {"sigma": [2.0, 3.0], "p": 1.0}],
    "low_resolution": [{"p": 1.0}, {"along": "all", "p": 1.0}],
    "jitter": [{}, {"saturation": 0.4, "hue": 0.1}],
    "stain": [{}, {"by": "dye"}],
    "modality_dropout": [{"p": 0.6}],
    "cutout": [{"count": 3, "p": 0.8}],
    "bias": [{"p": 1.0}],
}


def test_every_part_for_pictures_knows_tensors():
    assert len(PARTS) >= len(OPTIONS)
    assert [name for name in PARTS if not isinstance(SHELF.make(name), OnTensor)] == []


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("shape", [(1, 33, 20), (3, 24, 30), (4, 16, 16), (2, 12, 17, 9)])
def test_a_tensor_gets_what_an_array_gets(name, shape):
    for options in OPTIONS.get(name, [{}]):
        part = SHELF.make(name, options)
        changed = 0
        for seed in range(6):
            values = np.random.default_rng(seed).uniform(-0.2 if name != "stain" else 0, 1.2, shape).astype(np.float32)
            before = values.copy()
            there = part.apply_to_tensor(torch.from_numpy(values.copy()), generator(seed)).numpy()
            here = part.apply(values, generator(seed))
            np.testing.assert_allclose(there, here, atol=2e-5, err_msg=f"{name} {options} {seed}")
            changed += int(not np.array_equal(here, before))
        assert changed or (name == "modality_dropout" and shape[0] == 1), "nothing was compared"


def test_all_parts_draw_from_one_stream():
    augment = Augmentation.of({"jitter": True, "gamma": True, "blur": {"p": 0.5}, "noise": 0.1, "bias": True, "low_resolution": True})
    values = np.random.default_rng(0).uniform(size=(2, 16, 12, 14)).astype(np.float32)
    for seed in range(5):
        there = augment.intensities_of_tensor(torch.from_numpy(values.copy()), generator(seed)).numpy()
        np.testing.assert_allclose(there, augment.intensities(values.copy(), generator(seed)), atol=5e-5)


def test_what_only_knows_arrays_is_named():
    assert Augmentation.of({"flip": True, "noise": 0.1, "mixup": 0.3, "slide": 1.0}).for_workers == ("mixup", "slide")
