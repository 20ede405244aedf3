"""Whether a step of a training fits into memory: smaller windows, and fewer a step, until it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from sagittal.engine.budget import BESIDE, GIB
from sagittal.engine.ground import Ground
from sagittal.engine.plan import Part, Plan
from sagittal.engine.settings import TrainSettings
from sagittal.errors import LimitExceeded
from sagittal.models._footprint import training_bytes

COPIES = 4
"""Of each weight beside its gradient: itself, two moments of the optimiser, a running average; in four bytes each."""

LEAST_SIDE = 16
EIGHTHS = (7, 6, 5, 4, 3, 2)
"""Of the sides of the windows, tried in this order."""

OF_A_GPU = 0.8
"""The share of a GPU's memory that a step may take: the rest is its own and of whom it shows pictures."""


def within(plan: Plan, ground: Ground, training: Callable[[Part], TrainSettings]) -> Plan:
    """The plan with the largest windows, and the most of them a step, whose training fits into ``train.max_ram``.

    What the recipe says of windows or batch stays. So do windows of pictures unless the recipe says how much memory there is.

    Args:
        plan: With the windows that are best where memory is no matter.
        ground: What it was decided on; takes the reasons.
        training: Training settings for other windows.

    Raises:
        LimitExceeded: Not even the smallest step fits into what the recipe allows.
    """
    size, asked = plan.windows.options.get("size"), ground.recipe.train.get("max_ram") is not None
    axes = plan.preparation.axes - (plan.windowing.thin is not None)
    if not ground.dense or not isinstance(size, list) or len(size) != axes or not (asked or plan.preparation.axes > 2):
        return plan
    network, allowed, least = plan.network(), plan.train.max_ram, 0.0
    weights = 4 * COPIES * sum(p.numel() for p in network.parameters())
    for windows in _windows(plan, ground, network.multiples):
        one = BESIDE * training_bytes(network, windows.options["size"])
        for train in _batches(plan.train if windows == plan.windows else training(windows), ground):
            least = (one * train.batch + weights) / GIB
            if least > allowed:
                continue
            if (windows, train.batch) == (plan.windows, plan.train.batch):
                return plan
            many = f"{' x '.join(map(str, windows.options['size']))}, {train.batch} a step"
            ground.ledger.choose("windows", None, f"{windows.name}: {many}", f"a step takes about {least:.1f} of {allowed:g} GiB")
            return replace(plan, windows=windows, train=train)
    if not asked:
        return plan
    what = f"the smallest step of this network takes about {least:.2f} GiB, and {allowed:g} GiB are allowed"
    raise LimitExceeded("MAX_RAM", "train.max_ram", what, "allow more, or choose a smaller network, windows.size or train.batch")


def _windows(plan: Plan, ground: Ground, multiples: Sequence[int]) -> Iterator[Part]:
    """The plan's windows, and smaller ones unless the recipe says how large they are."""
    yield plan.windows
    whole, seen = plan.windows.options["size"], {tuple(plan.windows.options["size"])}
    for part in () if "size" in ground.recipe.windows.options() else EIGHTHS:
        size = tuple(_down(side * part // 8, side, most) for side, most in zip(whole, multiples, strict=True))
        if size not in seen:
            seen.add(size)
            yield Part(name=plan.windows.name, options={**plan.windows.options, "size": list(size)})


def _batches(train: TrainSettings, ground: Ground) -> Iterator[TrainSettings]:
    """As many steps with ever fewer windows; one alone only where the recipe says so."""
    wish, batch = ground.recipe.train, train.batch
    while batch >= min(2, train.batch):
        epochs = train.epochs if wish.get("epochs") else max(1, round(train.epochs * batch / train.batch))
        yield replace(train, batch=batch, epochs=epochs)
        if wish.get("batch") or batch == 1:
            return
        batch //= 2


def _down(side: int, whole: int, multiple: int) -> int:
    """A side that the network takes, at most so long; a short one stays."""
    return max(side // multiple * multiple, min(whole, max(LEAST_SIDE, multiple)))


def small_gpu_gib(device: torch.device) -> float | None:
    """GiB that a training may take on a GPU which has less than it may take elsewhere; None for any other device."""
    if device.type != "cuda":
        return None
    room = float(OF_A_GPU * torch.cuda.get_device_properties(device).total_memory / GIB)
    return room if room < TrainSettings().max_ram else None
