"""Default decisions for pictures that get one answer: size, network, augmentation, steps.

Chosen on training and validation cases; see ``docs/concepts/auto.md``.
"""

from __future__ import annotations

from typing import Any

from sagittal.engine.facts import Facts

AXES = 2
"""Of a picture."""

SMALL = 64
"""Pictures of at most so many samples a side are seen as they are, by a network without a coarse first layer."""

FEW = 1000
"""Below so many training cases a network learns more from many steps than from fine detail."""

COARSE, FINE = 128, 160
"""Samples along the longer side at most: of few pictures for the default network, and otherwise."""

MIXED = 5000
"""Below so many training cases pictures are mixed."""

MANY = 10_000
"""From so many training cases on one network answers alone."""

STEPS_OF_FEW, STEPS = 3500, 1333
"""Steps of a batch of 16 on few pictures, and of 64 on more."""

MOST_PASSES, MOST_WINDOWED = 300, 100
"""How often each case is seen at most: as one whole picture, and in windows, of which there are many."""


def size_of(facts: Facts, *, default_network: bool) -> tuple[int, str]:
    """Samples a side of the prepared picture, and why."""
    coarse = default_network and facts.cases < FEW
    side = min(max(facts.shape), COARSE if coarse else FINE)
    side = side if side <= SMALL else max(SMALL, side // 32 * 32)
    seen = f"the median picture has {' x '.join(map(str, facts.shape))} samples"
    return side, f"{seen}, and few pictures teach more in many coarse steps than in few fine ones" if coarse and side == COARSE else seen


def model_of(facts: Facts) -> dict[str, Any]:
    """Options of the residual network."""
    if max(facts.shape) <= SMALL:
        return {"widths": [32, 64, 128], "blocks": 2}
    return {"widths": [32, 64, 128, 256], "blocks": 2, "stem_stride": 4}


def members_of(facts: Facts) -> int:
    """How many networks answer together."""
    return 3 if facts.cases < MANY else 1


def mixed(facts: Facts) -> bool:
    """Whether pictures are mixed: few of them, and large enough that a network can learn them by heart."""
    return max(facts.shape) > SMALL and facts.cases < MIXED


def augment_of(*, mirrored: bool) -> dict[str, Any]:
    """Moderate: what changes a picture but not what it shows."""
    return {
        **({"flip": "horizontal"} if mirrored else {}),
        "affine": {"rotate": 10, "scale": [0.85, 1.25], "shift": 0.06, "shear": 3.5},
        "jitter": {"brightness": 0.15, "contrast": 0.28},
        "gamma": [0.74, 1.35],
        "blur": {"sigma": 1.0, "p": 0.2},
        "noise": 0.05,
    }


def varied(facts: Facts) -> bool:
    """Whether every second network sees samples that are changed in another way: of few pictures that are mixed."""
    return mixed(facts) and facts.cases < FEW


def varied_of(*, flip: object) -> dict[str, Any]:
    """What moves a picture more and leaves its grey values and its answer alone; mirrored as the others are."""
    return {
        **({"flip": flip} if flip else {}),
        "affine": {"rotate": 15, "scale": [0.75, 1.4], "shift": 0.1, "shear": 6},
    }


def training_of(facts: Facts, *, balanced: bool, whole: bool) -> dict[str, Any]:
    """Training settings.

    Args:
        facts: Of the training cases.
        balanced: Classes are drawn equally often.
        whole: A case is one picture to the network, not many windows.
    """
    few = facts.cases < FEW
    batch = 16 if few else 64
    passes = (STEPS_OF_FEW if few else STEPS) * batch // max(facts.cases, 1)
    return {
        "epochs": max(12, min(MOST_PASSES if whole else MOST_WINDOWED, passes)),
        "batch": batch,
        "optimizer": "adamw",
        "lr": 2e-3,
        "weight_decay": 0.05,
        "schedule": {"name": "cosine", "warmup": 0.05},
        "ema": 0.99,
        "balance": balanced,
    }
