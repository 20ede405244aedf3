"""Default decisions for pictures with drawn answers: resolution, what the network sees at once, augmentation, steps.

Chosen on training and validation tiles; see ``docs/concepts/auto.md``.
"""

from __future__ import annotations

import math
from typing import Any

from sagittal.engine.facts import Facts

LONGEST = 380
"""Samples along the longer side that are left when a picture is seen at half its resolution, or a quarter."""

LEAST_OBJECT = 24.0
"""Samples across the median object that are left."""

WHY_COARSER = "shapes are learned from a smaller picture, as far as the objects allow; the answer is brought back"

SIDES = {2: 256, 3: 96}
"""Samples along a side of a window at most, by the number of axes; 64 of any other."""

WHY_METRICS = "tissue without any of it counts, too, and pathology tells pixels by their ranks"

FEW_CASES = 10
"""Fewer training cases than this have few stains: what they do not have, augmentation and measuring must make up for."""

SMALL = 64
"""In pictures of at most so many samples a side borders are as wide as a sample, and what is read between samples is not theirs."""

WHY_FEW = f"colours change more than usual: fewer than {FEW_CASES} cases have few stains"

WHY_SMALL = "half of the samples stay where they are, without blur: borders of small pictures are a sample wide"

MODERATE = "moderate: what changes a picture but not what it shows"

WHY_OWN = f"below {FEW_CASES} training cases have few stains, so each picture is measured by itself: its mean and deviation of each colour"

WIDTHS = [16, 32, 64, 128, 192]
"""Of the U-Net: the deepest level sees 16 samples of the picture as one, so that it knows what kind of tissue it is in."""

STEPS, STEPS_A_CASE = 2500, 130
"""Of a batch of 8 windows: of all cases, and at most for each where few have few stains, which more steps learn by heart."""


def coarser(facts: Facts) -> int:
    """By how much the resolution is lowered: a power of 2; 1 where objects are small or pictures are.

    A network of pictures learns shapes of up to a few hundred samples; the answer is brought back to the source's grid.
    """
    factor = 1
    while max(facts.shape) >= 2 * factor * LONGEST and (facts.across is None or facts.across >= 2 * factor * LEAST_OBJECT):
        factor *= 2
    return factor


def any_way_round(facts: Facts, *, sided: bool) -> bool:
    """Whether pictures have no up and down, nor left and right: those in colour, as tissue has none."""
    return facts.axes == 2 and not facts.grey and len(facts.channels) > 2 and not sided


def few_stains(facts: Facts, *, sided: bool) -> bool:
    """Whether pictures of tissue are so few that stains elsewhere will be others; slides are measured with the glass around."""
    return any_way_round(facts, sided=sided) and not facts.slides and facts.cases < FEW_CASES


def windows_of(facts: Facts, factor: int, *, whole: bool) -> tuple[str, dict[str, Any], str]:
    """The windowing, its options, and why.

    Args:
        facts: Of the training cases.
        factor: By which the resolution is lowered.
        whole: Nothing speaks against seeing a case at once, where it fits into one window.
    """
    shape = [-(-n // factor) for n in facts.shape]
    size = [min(SIDES.get(facts.axes, 64), -(-n // 16) * 16) for n in shape]
    if whole and facts.same_shape and all(n <= s for n, s in zip(shape, size, strict=True)):
        return "whole", {}, "every case fits into one window"
    # With so many, validation, which looks at overlapping windows, takes 8 % of the time (measured with three cases to one).
    per_case = max(1, min(64, round(4 * math.prod(shape) / math.prod(size))))
    return "patches", {"size": size, "per_case": per_case}, f"cases of {tuple(shape)} are larger than one window of {size}"


def augment_for(facts: Facts, *, sided: bool) -> tuple[dict[str, Any], str] | None:
    """Transforms of pictures with drawn answers, and why; None where they are those of any picture."""
    if any_way_round(facts, sided=sided):
        few = few_stains(facts, sided=sided)
        return augment_of(few=few), WHY_FEW if few else MODERATE
    if facts.axes == 2 and max(facts.shape) <= SMALL:
        return augment_of_small(mirrored=not sided), WHY_SMALL
    return None


def augment_of_small(*, mirrored: bool) -> dict[str, Any]:
    """Transforms of small pictures."""
    return {
        **({"flip": "horizontal"} if mirrored else {}),
        "affine": {"rotate": 8, "scale": [0.9, 1.15], "shift": 0.05, "shear": 2, "p": 0.5},
        "jitter": {"brightness": 0.15, "contrast": 0.28},
        "gamma": [0.74, 1.35],
        "noise": 0.03,
    }


def augment_of(*, few: bool) -> dict[str, Any]:
    """Transforms of pictures that have no up and down: tissue may lie any way round.

    Args:
        few: The training cases have few stains: colours and sizes change more.
    """
    colours: dict[str, Any] = {"stain": {"amount": 0.3, "shift": 0.08}}
    if few:
        jitter = {"brightness": 0.2, "contrast": 0.3, "saturation": 0.4, "hue": 0.06}
        colours = {"stain": {"amount": 0.5, "shift": 0.15}, "jitter": jitter}
    return {
        "flip": "any",
        "affine": {"rotate": 180, "scale": [0.75, 1.33] if few else [0.8, 1.25], "shear": 5},
        "elastic": {"strength": 0.02, "p": 0.3},
        **colours,
        "blur": {"sigma": 1.2, "p": 0.25},
        "noise": 0.04,
    }


def metrics_of(*, ranked: bool) -> tuple[str, ...]:
    """Metrics beside those of the task.

    Args:
        ranked: The scores of a sample are its probabilities.
    """
    return ("voxel_specificity", "voxel_auc") if ranked else ("voxel_specificity",)


def training_of(facts: Facts, options: dict[str, Any], *, sided: bool) -> dict[str, Any]:
    """Batch, epochs and the rest of the training settings."""
    samples = facts.cases * int(options.get("per_case", 1))
    steps = STEPS_A_CASE * facts.cases if few_stains(facts, sided=sided) else STEPS
    return {
        "epochs": max(1, round(steps * 8 / max(samples, 1))),
        "batch": 8,
        "optimizer": "adamw",
        "lr": 2e-3,
        "weight_decay": 0.05,
        "schedule": {"name": "cosine", "warmup": 0.03},
        "ema": 0.995,
        "best": {"watch": "last"},
    }
