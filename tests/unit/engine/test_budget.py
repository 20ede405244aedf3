"""The same budget gives the same windows on every machine; too little of it is refused with the numbers."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sagittal.core import Geometry, Labels
from sagittal.engine import budget as module
from sagittal.engine.budget import GIB, SLIDE_RAM, Budget
from sagittal.engine.plan import Part, Plan
from sagittal.engine.prepare import Preparation
from sagittal.engine.settings import Feeding, TrainSettings
from sagittal.errors import LimitExceeded
from sagittal.models.unet import unet

GRID = Geometry(shape=(120, 100, 60), affine=np.eye(4), unit="mm")
WHOLE = (120, 100, 60)


@pytest.fixture
def plan():
    """Patches of 32 for a small U-Net of volumes."""
    return Plan(
        task="segmentation",
        labels=Labels(classes=("none", "a", "b"), background="none"),
        preparation=Preparation(axes=3, names=("value",)),
        windows=Part(name="patches", options={"size": 32}),
        unit="case",
        model=Part(name="unet", options={"widths": [4, 8]}),
        pretrained=None,
        freeze=None,
        members=1,
        views=1,
        augment={},
        loss=Part(name="dice_ce"),
        feeding=Feeding(),
        train=TrainSettings(),
        flips=(),
        sensitivity=0.95,
        abstain_error=0.05,
        explain=Part(name="grad_cam"),
        explain_cases=1,
        seed=0,
        fingerprint="0" * 64,
        max_ram=4.0,
    )


def budget(plan, norm="batch", **more):
    network = unet(channels=1, outputs=3, axes=3, widths=(4, 8), norm=norm)
    return Budget(plan=plan, networks=[network], device=torch.device("cpu"), **more)


def test_what_fits_is_seen_at_once(plan):
    choice = budget(plan).choose(GRID)
    assert (len(choice.windows), choice.windows[0].size, choice.batch) == (1, WHOLE, 1)
    assert 0 < choice.need < 4 * GIB


@pytest.mark.parametrize("ram", [0.07, 0.05, 0.03, 0.02])
def test_windows_are_as_large_as_the_budget_and_cover_everything(plan, ram):
    choice = budget(replace(plan, max_ram=ram)).choose(GRID)
    seen = np.zeros(GRID.shape, bool)
    for window in choice.windows:
        seen[window.inside(GRID.shape).slices] = True
    size = choice.windows[0].size
    assert seen.all()
    assert choice.need <= ram * GIB
    assert all(s >= 32 and s % 2 == 0 for s in size)
    assert len(choice.windows) > 1
    larger = budget(replace(plan, max_ram=2 * ram)).choose(GRID)
    assert math.prod(larger.windows[0].size) * len(larger.windows) <= math.prod(size) * len(choice.windows)
    starts = sorted({w.start[0] for w in choice.windows})
    assert all(a + size[0] - b >= 16 - 2 for a, b in itertools.pairwise(starts)), "as many samples overlap as in training"


def test_windows_of_a_slide_leave_room_for_the_rest_in_two_gib(plan):
    flat = replace(plan, preparation=Preparation(axes=2, channels="rgb"), windows=Part(name="patches", options={"size": 256}))
    network = unet(channels=3, outputs=3, axes=2, widths=(16, 32), norm="batch")
    slide, picture = (Geometry(shape=(6000, 6000), affine=np.eye(3), unit="px", frame=frame) for frame in ("slide", "none"))
    both = Budget(plan=flat, networks=[network], device=torch.device("cpu"))
    assert both.choose(slide).need <= SLIDE_RAM * GIB < both.choose(picture).need <= 4 * GIB


def test_what_the_machine_has_free_decides_nothing(plan, monkeypatch):
    one = budget(replace(plan, max_ram=0.1)).choose(GRID)
    monkeypatch.setattr(module, "_free", lambda device: 100 * GIB)
    assert budget(replace(plan, max_ram=0.1)).choose(GRID) == one
    monkeypatch.setattr(module, "_free", lambda device: GIB // 50)
    with pytest.raises(LimitExceeded, match=r"OUT_OF_MEMORY.*0\.0 GiB are free.*--max-ram"):
        budget(replace(plan, max_ram=0.1)).choose(GRID)


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_a_network_that_measures_its_window_keeps_the_trained_one(plan, norm):
    choice = budget(plan, norm).choose(GRID)
    assert choice.windows == plan.windowing.cover(GRID)
    assert "as trained" in choice.why


def test_a_plan_without_a_budget_and_windowings_without_a_choice_keep_their_windows(plan):
    for kept in (replace(plan, max_ram=None), replace(plan, windows=Part(name="tiles", options={"size": 32}))):
        assert budget(kept).choose(GRID).windows == kept.windowing.cover(GRID)
    whole = replace(plan, windows=Part(name="whole"))
    assert budget(whole).choose(GRID).batch == 1


@pytest.mark.parametrize(("ram", "norm", "cut"), [(4.0, "batch", False), (0.05, "batch", True), (0.05, "instance", False)])
def test_a_case_that_is_seen_at_once_is_cut_where_it_is_too_large_for_that(plan, ram, norm, cut):
    whole = replace(plan, windows=Part(name="whole"), max_ram=ram)
    choice = budget(whole, norm).choose(GRID)
    size = choice.windows[0].size
    assert (len(choice.windows) > 1) == cut and (size != WHOLE) == cut
    if cut:
        assert choice.need <= ram * GIB and min(size) >= 60
        seen = np.zeros(WHOLE, np.int64)
        for w in choice.windows:
            seen[w.inside(WHOLE).slices] += 1
        assert seen.min() >= 1 and seen.max() > 1, "all of it, with an overlap"


def test_a_user_can_lower_the_budget_but_not_raise_it(plan, monkeypatch):
    said: list[str] = []
    plan = replace(plan, max_ram=0.1)
    monkeypatch.setattr(module, "WORTH_SAYING", 0)
    lower, same, higher = (budget(plan, most=most, say=said.append).choose(GRID) for most in (0.05, None, 8.0))
    assert higher == same
    assert math.prod(lower.windows[0].size) < math.prod(same.windows[0].size)
    assert any("--max-ram 0.05 is below the 0.1 GiB" in line for line in said)
    assert any("--max-ram 8 changes nothing" in line for line in said)
    assert any(line.startswith("answering in") for line in said)


def test_too_little_for_one_window_is_refused_with_the_numbers(plan):
    with pytest.raises(LimitExceeded, match=r"MAX_RAM --max-ram: a window of 32x32x32 needs about 0\.\d+ GiB, and 0\.001 GiB") as refused:
        budget(plan, most=0.001).choose(GRID)
    assert refused.value.exit_code == 10
