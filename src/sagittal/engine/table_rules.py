"""Default decisions for tables: network, augmentation, steps.

Chosen on training and validation rows; see ``docs/concepts/auto.md``.
"""

from __future__ import annotations

from typing import Any

from sagittal.engine.facts import Facts

STEPS = 600
"""How many steps a network learns, whatever the number of rows."""

MEMBERS = 4
"""How many networks answer together."""


def model_of(facts: Facts) -> dict[str, Any]:
    """Options of the network."""
    seen = {"patterns": [16, 32]} if facts.ordered else {"waves": 256}
    return {"widths": [64, 64], "dropout": 0.3, "activation": "gelu", **seen}


def augment_of(facts: Facts) -> dict[str, Any]:
    """Transforms with their options; columns in an order may also be shifted along it."""
    return {**({"slide": 1.0} if facts.ordered else {}), "noise": {"sd": [0.3, 0.3]}}


def training_of(facts: Facts) -> dict[str, Any]:
    """Training settings."""
    epochs = 10
    return {
        "epochs": epochs,
        "rounds": max(1, round(STEPS * 64 / (epochs * max(facts.cases, 1)))),
        "batch": 64,
        "optimizer": "adamw",
        "lr": 3e-3,
        "weight_decay": 0.1,
        "decay_all": True,
        "schedule": {"name": "cosine", "warmup": 0.03},
    }
