"""Batches that a device reads are those that the workers read, whatever is asked of the cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sagittal.data.discover import discover
from sagittal.data.split import SplitRules, assign
from sagittal.engine.batch_read import reading_for
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.feed import training_batches
from sagittal.engine.rules import decide
from sagittal.errors import UsageError
from sagittal.phantoms.brain import brain
from sagittal.transforms._compose import Augmentation

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = brain(tmp_path_factory.mktemp("brain") / "set", patients=5, seed=3)
    return assign(discover(folder).manifest, SplitRules(test=0, val=0.3, seed=0))[0]


def planned(manifest, *sets, augment=None):
    recipe = load_recipe("auto", ["train.batch=3", *sets])
    return decide(recipe if augment is None else recipe.model_copy(update={"augment": augment}), manifest, facts_of(manifest))


ALL = {
    "flip": "any",
    "affine": {"rotate": 20, "scale": [0.6, 1.3], "shift": 0.1},
    "elastic": {"p": 0.5},
    "jitter": True,
    "gamma": {"gamma": [0.7, 1.5], "scale": "patch"},
    "blur": {"p": 0.5},
    "bias": {"p": 0.5},
    "low_resolution": {"p": 0.5},
    "modality_dropout": 0.3,
    "cutout": True,
    "noise": {"sd": 0.1, "scale": "patch"},
}
"""Zooms out so far that values are averaged before they are read."""


@pytest.mark.parametrize("windows", ["patches", "slices", "whole"])
@pytest.mark.parametrize("augment", [None, ALL, {"affine": True}])
def test_a_device_reads_what_the_workers_read(volumes, windows, augment):
    sets = [f"windows.name={windows}", *(["windows.size=24", "windows.per_case=2"] if windows != "whole" else [])]
    plan = planned(volumes, *sets, augment=augment)
    if windows == "whole":
        # The volumes differ in shape: each is a batch.
        plan = replace(plan, train=replace(plan.train, batch=1))
    assert plan.feeding.gather == "auto"
    here = training_batches(plan, volumes)
    there = training_batches(replace(plan, feeding=replace(plan.feeding, gather="device")), volumes)
    assert here.read is None
    assert there.read is not None
    for epoch in (0, 1):
        pairs = list(zip(here.batches(epoch), there.batches(epoch), strict=True))
        assert len(pairs) > 1
        for one, other in pairs:
            assert one.ids == other.ids
            assert one.images.shape == other.images.shape
            assert one.targets.dtype == other.targets.dtype
            assert torch.equal(one.weights, other.weights)
            scale = max(1.0, float(one.images.abs().max()))
            np.testing.assert_allclose(other.images.numpy(), one.images.numpy(), atol=1e-4 * scale)
            assert (one.targets == other.targets).float().mean() >= 0.9999


@pytest.mark.slow
def test_workers_hand_over_what_is_read_on_the_device(volumes):
    plan = planned(volumes, "windows.name=patches", "windows.size=24", "train.gather=device")
    more = training_batches(replace(plan, feeding=replace(plan.feeding, workers=1)), volumes)
    try:
        for one, other in zip(training_batches(plan, volumes).batches(1), more.batches(1), strict=True):
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.targets, other.targets)
    finally:
        more.close()


def test_a_gpu_reads_volumes_unless_it_cannot_or_may_not(volumes):
    plan = planned(volumes)
    augmentation = Augmentation.of(plan.augment)
    assert reading_for(plan, augmentation, CPU) is None
    assert reading_for(plan, augmentation, GPU) is not None
    assert next(r.why for r in plan.reasons if r.what == "train.gather").startswith("a GPU reads a batch at once")
    by_workers = planned(volumes, "train.gather=workers")
    assert reading_for(by_workers, augmentation, GPU) is None
    mixed = planned(volumes, augment={"affine": True, "mixup": 0.3})
    assert mixed.feeding.gather == "workers"
    assert "mixup has no version for tensors" in next(r.why for r in mixed.reasons if r.what == "train.gather")
    assert reading_for(replace(plan, augment={}), None, GPU) is None


def test_a_device_that_cannot_read_is_refused(volumes):
    plan = planned(volumes, "train.gather=device", augment={"affine": True, "mixup": 0.3})
    with pytest.raises(UsageError, match=r"GATHER train.gather: mixup has no version for tensors.*train.gather: auto"):
        training_batches(plan, volumes)
