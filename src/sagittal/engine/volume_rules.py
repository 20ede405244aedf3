"""Default decisions for volumes: spacing, intensities, what the network sees at once, augmentation, steps.

Chosen on training and validation cases; see ``docs/concepts/auto.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sagittal.engine.batch_read import obstacle
from sagittal.engine.facts import Facts
from sagittal.engine.settings import Feeding
from sagittal.engine.tile_rules import MODERATE
from sagittal.ops.scale import Rule
from sagittal.transforms._compose import Augmentation

ALIKE = 1.25
"""Spacings that differ by less are left: augmentation scales by as much, and resampling would blur image and label."""

ANISOTROPIC = 3.0
"""A median spacing this much coarser along one axis makes the finest tenth of the cases decide there (as nnU-Net does)."""

SLICED = 1.4
"""Samples this much further apart across the slices than within them: a network of slices learns more from few volumes."""

STRIPPED = 0.25
"""Above this share of samples that are exactly 0, only the box around the rest is looked at."""

MOST_SEEN = 96**3
"""Samples of a patch at most: two of them take about 2 GiB in the training of a network of 16 to 128 channels."""

MOST_PLANE = 320
"""Samples along a side of a slice at most; larger ones are seen in overlapping parts."""

PLANE_STEPS, VOLUME_STEPS = 6000, 8000
"""Steps of a batch of 8 slices (30 minutes of one core for a head), or of about 4 * 90,000 samples of volume."""

PLANE_BATCH = 8
"""Slices of a step: in the same time twice as many steps of half as many learn more."""

WHY_MR = "slices of MR: turned, sized, bent, a little brighter on one side and noisy; not mirrored, for borders are drawn to one side"

LEAST_LOOKS = 10
"""Validations of a training on slices at least: fewer would not show a curve."""

MOST_WHOLE = 72**3
"""Samples of a volume that gets one class, at most: a step of four takes about two seconds on one core."""

WHOLE_STEPS = 300
"""Steps of a batch of 4 whole volumes: minutes on a CPU."""


def spacing_of(facts: Facts) -> tuple[float, ...] | None:
    """World units of the prepared grid; None where all volumes have the same spacing already."""
    if facts.same_spacing or all(b <= ALIKE * a for a, b in zip(facts.finest, facts.coarsest, strict=True)):
        return None
    wanted = list(facts.spacing)
    coarsest = wanted.index(max(wanted))
    if wanted[coarsest] >= ANISOTROPIC * min(wanted):
        wanted[coarsest] = max(facts.finest[coarsest], min(wanted))
    return tuple(round(v, 4) for v in wanted)


def scaling_of(facts: Facts) -> tuple[Rule, str]:
    """Where the numbers of the intensities come from, and why."""
    if facts.volumes is not None and facts.volumes.hounsfield:
        return "fixed", "CT: cut off at the percentiles .5 and 99.5 of what is drawn, then mean and deviation of that"
    return "nonzero", "the scale of MR is each scan's own: mean and deviation of what is not 0, or what else fills blanked surroundings"


def cropped(facts: Facts) -> bool:
    """Whether windows are cut from the box around what is not 0 only."""
    return facts.volumes is not None and not facts.volumes.hounsfield and facts.volumes.empty >= STRIPPED


def windows_of(facts: Facts, spacing: Sequence[float], *, crop: bool) -> tuple[str, dict[str, Any], str]:
    """The windowing of a dense task, its options, and why.

    Args:
        facts: Of the training cases.
        spacing: World units of the prepared grid.
        crop: Whether only the content is seen.
    """
    content = facts.volumes.content if crop and facts.volumes is not None else None
    extent = content or [n * own for n, own in zip(facts.shape, facts.spacing, strict=True)]
    size = [max(1, round(e / s)) for e, s in zip(extent, spacing, strict=True)]
    coarsest = max(range(3), key=lambda a: (spacing[a], a))
    others = [spacing[a] for a in range(3) if a != coarsest]
    if spacing[coarsest] >= SLICED * max(others):
        plane = [min(_up(size[a], 16), MOST_PLANE) for a in range(3) if a != coarsest]
        share = f"{spacing[coarsest] / max(others):.1f} times as far apart as samples within them"
        per_case = _slices_an_epoch(size[coarsest], facts.cases)
        why = f"slices lie {share}; {per_case} a case and epoch, so that validation (all slices) takes less than a tenth of the time"
        return "slices", {"size": plane, "axis": coarsest, "context": 1, "per_case": per_case, "on_object": 0.7}, why
    whole = [_up(n, 8) for n in size]
    if math.prod(whole) <= MOST_SEEN:
        return "patches", {"size": whole, "per_case": 1, "on_object": 0.0}, "a window of the median size shows nearly all of a case"
    side = [min(n, _down(96)) for n in whole]
    return "patches", {"size": side, "per_case": 4, "on_object": 0.6}, f"cases of {tuple(size)} are larger than a patch that trains fast"


def _slices_an_epoch(slices: int, cases: int) -> int:
    """Twice as many as a case has, or fewer where there would hardly be an epoch.

    Validation looks at every slice of its cases, which are about a quarter as many as those that are trained on, and a look
    takes a quarter of a step's time; slices larger than the window are looked at in parts.
    """
    return min(2 * slices, max(1, PLANE_STEPS * PLANE_BATCH // (LEAST_LOOKS * max(cases, 1))))


def size_of(facts: Facts) -> tuple[int, ...]:
    """Samples of a volume that is seen as one, in the proportions of the median case; sides are multiples of 8.

    Coarse axes are not refined: samples lie equally far apart where the scan has them, else as far apart as there.
    """
    extent = [n * s for n, s in zip(facts.shape, facts.spacing, strict=True)]
    step = min(facts.spacing)
    while math.prod(max(1, round(e / max(step, s))) for e, s in zip(extent, facts.spacing, strict=True)) > MOST_WHOLE:
        step *= 1.02
    return tuple(max(16, round(e / max(step, s) / 8) * 8) for e, s in zip(extent, facts.spacing, strict=True))


def whole_model_of() -> dict[str, Any]:
    """Options of the network that gives a volume one class."""
    return {"widths": [16, 32, 64, 128], "blocks": 1, "stem_stride": 2}


def whole_training_of(facts: Facts, *, balanced: bool) -> dict[str, Any]:
    """Training settings for a class a volume."""
    return {
        "epochs": max(12, min(100, round(WHOLE_STEPS * 4 / max(facts.cases, 1)))),
        "batch": 4,
        "optimizer": "adamw",
        "lr": 1e-3,
        "weight_decay": 0.05,
        "schedule": {"name": "cosine", "warmup": 0.05},
        "ema": 0.99,
        "balance": balanced,
    }


def augment_of(facts: Facts, *, sliced: int | None, mirrored: bool) -> tuple[dict[str, Any], str]:
    """Transforms with their options, and why.

    Args:
        facts: Of the training cases.
        sliced: Across the slices, where the network sees slices.
        mirrored: No class speaks of a side: left and right may change places.
    """
    bent = {"elastic": {"p": 0.3}}
    if sliced is not None and facts.volumes is not None and not facts.volumes.hounsfield:
        moved = {"affine": {"rotate": 15, "scale": [0.8, 1.25], "shift": 0.05}}
        return {**moved, **bent, "gamma": [0.85, 1.2], "bias": {"strength": 0.15, "p": 0.3}, "noise": 0.02}, WHY_MR
    sideways: dict[str, Any] = {}
    if mirrored and sliced != 0:
        sideways = {"flip": {"axes": 0 if sliced is not None else "horizontal"}}
    moved = {**sideways, "affine": {"rotate": 15, "scale": [0.85, 1.2], "shift": 0.05}}
    tone = {"jitter": {"brightness": 0.12, "contrast": 0.25}, "gamma": [0.7, 1.4]}
    return {**moved, **bent, **tone, "blur": {"sigma": 1.0, "p": 0.15}, "noise": 0.05}, MODERATE


def gathered(feeding: Feeding, axes: int, augment: Mapping[str, Any], choose: Callable[[str, Any, Any, str], Any]) -> Feeding:
    """Who reads the training windows of volumes; everything else is left to the workers unless the recipe asks."""
    if axes < 3 and feeding.gather == "auto":
        return feeding
    why = obstacle(Augmentation.of(augment) if augment else None, axes)
    given = None if feeding.gather == "auto" else feeding.gather
    told = why or "a GPU reads a batch at once and changes it there; on a CPU the workers read each sample, which is faster there"
    return replace(feeding, gather=choose("train.gather", given, "workers" if why else "auto", told))


def model_of(*, sliced: bool) -> dict[str, Any]:
    """Options of the U-Net."""
    return {"widths": [16, 32, 64, 128, 192] if sliced else [16, 32, 64, 128]}


def training_of(facts: Facts, windows: str, options: dict[str, Any]) -> dict[str, Any]:
    """Batch, epochs and the rest of the training settings."""
    if windows == "slices":
        batch, steps = PLANE_BATCH, PLANE_STEPS
    else:
        size = options["size"] if isinstance(options.get("size"), list) else [options.get("size", 96)] * 3
        batch, steps = max(2, min(8, round(4 * 90_000 / math.prod(size)))), VOLUME_STEPS
    samples = facts.cases * int(options.get("per_case", 1))
    return {
        "epochs": max(1, round(steps * batch / max(samples, 1))),
        "batch": batch,
        "optimizer": "adamw",
        "lr": 2e-3,
        "weight_decay": 0.05,
        "schedule": {"name": "cosine", "warmup": 0.03},
        "ema": 0.998,
        "best": {"watch": "last"},
    }


def _up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def _down(n: int, multiple: int = 16) -> int:
    return max(multiple, n // multiple * multiple)
