"""Default decisions for pictures that get one answer: size, network, augmentation, steps.

Chosen on training and validation cases; see ``docs/concepts/auto.md``.
"""

from __future__ import annotations

from typing import Any

from sagittal.engine.facts import Facts

SMALL = 64
"""Pictures of at most so many samples a side are seen as they are, by a network without a coarse first layer."""

FEW = 1000
"""Below so many training cases a batch has fewer pictures, and there are more of them."""

LARGEST = 160
"""Samples along the longer side at most."""

MIXED = 5000
"""Below so many training cases pictures are mixed."""

MANY = 10_000
"""From so many training cases on one network answers alone."""

STEPS_OF_FEW, STEPS = 2000, 1333
"""Steps of a batch of 16 on few pictures, and of 64 on more."""

MOST_PASSES = 100
"""How often each case is seen at most."""


def size_of(facts: Facts, *, default_network: bool) -> tuple[int, str]:
    """Samples a side of the prepared picture, and why."""
    side = min(max(facts.shape), LARGEST)
    side = side if side <= SMALL else max(SMALL, side // 32 * 32)
    return side, f"the median picture has {' x '.join(map(str, facts.shape))} samples"


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
        "epochs": max(12, min(MOST_PASSES, passes)),
        "batch": batch,
        "optimizer": "adamw",
        "lr": 2e-3,
        "weight_decay": 0.05,
        "schedule": {"name": "cosine", "warmup": 0.05},
        "ema": 0.99,
        "balance": balanced,
    }
