"""Which numbers a validation will give, before anything is trained."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import torch

from sagittal.data.manifest import Manifest
from sagittal.engine.feed import validation_batches
from sagittal.engine.plan import Plan
from sagittal.engine.scoring import by_class, opened, that_count
from sagittal.errors import UsageError, nearest
from sagittal.losses._outputs import answer_of


def scores_logged(plan: Plan, manifest: Manifest) -> list[str]:
    """The names behind ``val_`` in ``log.csv``, from the first batch of validation and an untrained network."""
    alone = replace(plan, feeding=replace(plan.feeding, workers=0))
    network = plan.network().eval()
    with contextlib.closing(validation_batches(alone, manifest)) as source, opened(source, 0) as batches, torch.inference_mode():
        batch = next(iter(batches))
        outputs, targets = that_count(answer_of(network(batch.images)).float(), batch)
        quick = plan.row.quick(outputs, targets)
    return ["loss", *by_class(quick, plan.labels.classes)]


def check_score(name: str, plan: Plan, manifest: Manifest) -> None:
    """Whether trials can be compared by this number.

    Raises:
        UsageError: Validation does not give it; the message has those that it gives.
    """
    if name == "loss":
        return
    known = scores_logged(plan, manifest)
    if name not in known:
        raise UsageError("UNKNOWN_SCORE", f"--score {name}", f"validation gives {', '.join(known)}", nearest(name, known))
