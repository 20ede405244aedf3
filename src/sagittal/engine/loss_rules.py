"""Whether a loss can compare what the network will say with what a person said, asked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.data.images import image_of
from sagittal.data.manifest import DRAWN, Manifest
from sagittal.engine.plan import LOSSES, Plan
from sagittal.errors import UsageError

_SIDE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """Outputs, as a network might give them, and the target of one sample, repeated for each.

    Args:
        outputs: ``(n, K, ...)``.
        targets: ``(n, ...)``.
        right: The first outputs are the truth itself, and no others are.
    """

    outputs: Tensor
    targets: Tensor
    right: bool = False


def check_loss(plan: Plan, manifest: Manifest) -> None:
    """Ask the plan's loss for one number of a small part of a training case.

    Raises:
        UsageError: It compares something else, such as values where classes were said; the remedy names those that fit.
    """
    example, name = _example(plan, manifest), plan.loss.name
    said = _refusal(plan.loss.options, name, example)
    if not said:
        return
    if plan.loss.options and not _refusal({}, name, example):
        raise UsageError("LOSS", f"loss of {name}", f"with these options it cannot be computed ({said})", "mend them, or leave them out")
    fitting = [other for other in LOSSES.names() if not _refusal({}, other, example)]
    what = f"cannot compare what a network of {plan.task} puts out with what was said of the cases"
    raise UsageError("LOSS", f"loss.name={name}", what, f"choose one of: {', '.join(fitting)}; {plan.row.loss} is the usual one")


def _example(plan: Plan, manifest: Manifest) -> Example:
    """Of a small part of one case: outputs of one and of minus one, or, where answers are values, right and too large and too small."""
    case, drawn = manifest.split("train")[0], manifest.said in DRAWN
    source = image_of(case, manifest).geometry if drawn else Geometry.none()
    region = source.at(Window((0,) * source.axes, tuple(min(n, _SIDE) for n in source.shape)))
    said = manifest.annotation(case, like=source if drawn else None)
    target = np.asarray(plan.row.target(plan.row.encode(said, region), plan.labels))[None]
    head = plan.row.head(plan.labels, plan.preparation.axes)
    outputs = torch.ones(1, head.channels, *(region.shape if head.dense else ()))
    targets = torch.from_numpy(np.ascontiguousarray(target if target.dtype.kind == "f" else target.astype(np.int64)))
    if targets.is_floating_point() and targets.shape == outputs.shape:
        # a value that is not known is no example
        truth = targets.nan_to_num(nan=1.0)
        if torch.equal(plan.row.activate(truth), truth):
            beside = 1 + truth.abs()
            return Example(outputs=torch.cat([truth, truth + beside, truth - beside]), targets=torch.cat([truth] * 3), right=True)
    return Example(outputs=torch.cat([outputs, -outputs]), targets=torch.cat([targets, targets]))


def _refusal(options: Mapping[str, object], name: str, example: Example) -> str:
    """What a loss says against an example; empty where it takes it."""
    loss = LOSSES.make(name, options)
    try:
        found = loss(example.outputs, example.targets)
    except (RuntimeError, ValueError, IndexError) as error:
        return str(error).partition("\n")[0][:120]
    # A loss of other things may take these by chance; it then falls below 0, gives no number a sample, or does not want the truth.
    if found.shape != example.outputs.shape[:1] or not bool(found.isfinite().all()) or bool((found < 0).any()):
        return "it falls below 0"
    return "it is not least where the answer is the truth" if example.right and not bool((found[0] < found[1:]).all()) else ""
