"""What volumes show that pictures do not: Hounsfield units, stripped skulls, where the content lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.case import Case
from sagittal.core.image import Image
from sagittal.data.images import image_of
from sagittal.data.manifest import DRAWN, Manifest
from sagittal.engine.content import content_of
from sagittal.ops.scale import OUTER
from sagittal.ops.surroundings import from_zero

MOST_VOLUMES = 40
"""Volumes whose values are read to decide; evenly spread over the training cases."""

MOST_SAMPLES = 50_000
"""Samples of each volume that count, evenly spread, so that each volume weighs the same."""

AIR = -300.0
"""CT reaches far below 0: the half percent of darkest samples lies below this."""

BODY = -500.0
"""Where nothing is drawn, samples of a CT above this are the body."""

Numbers = tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Volumes:
    """What training volumes show.

    Args:
        low: A channel: the percentile that becomes 0. Of CT, of what is drawn, or else of the body.
        high: That becomes 1.
        mean: After that scaling and clipping.
        std: The same.
        hounsfield: The values are those of CT.
        empty: The median share of samples that are exactly 0, or what else blanked surroundings hold.
        content: The largest extent of all others, in world units along the upright axes.
    """

    low: Numbers
    high: Numbers
    mean: Numbers
    std: Numbers
    hounsfield: bool
    empty: float
    content: Numbers


def volumes_of(manifest: Manifest, cases: Sequence[Case]) -> Volumes:
    """Read some training volumes, one at a time, and say what they show."""
    samples, drawn, empty, boxes = [], [], [], []
    for case in cases:
        image = image_of(case, manifest)
        values = image.read()
        flat = values.reshape(len(values), -1)
        step = max(1, flat.shape[1] // MOST_SAMPLES)
        samples.append(flat[:, ::step].astype(np.float64))
        shown = from_zero(values)
        empty.append(float((shown == 0).all(axis=0).mean()))
        boxes.append(_extent(shown, image))
        if manifest.said in DRAWN:
            inside = manifest.annotation(case, like=image.geometry).mask_of(image.geometry).reshape(-1) > 0
            found = flat[:, inside]
            drawn.append(found[:, :: max(1, found.shape[1] // MOST_SAMPLES)].astype(np.float64))
    pooled = np.concatenate(samples, axis=1)
    hounsfield = bool(len(pooled) == 1 and np.percentile(pooled, OUTER[0]) < AIR)
    counted = pooled
    if hounsfield:
        picked = np.concatenate(drawn, axis=1) if drawn else pooled[:, pooled[0] > BODY]
        counted = picked if picked.shape[1] else pooled
    low, high = np.percentile(counted, OUTER, axis=1)
    high = np.where(high > low, high, low + 1)
    unit = (counted - low[:, None]) / (high - low)[:, None]
    unit = np.clip(unit, 0, 1) if hounsfield else unit
    std = unit.std(axis=1)
    return Volumes(
        low=_plain(low),
        high=_plain(high),
        mean=_plain(unit.mean(axis=1)),
        std=_plain(np.where(std > 0, std, 1.0)),
        hounsfield=hounsfield,
        empty=float(np.median(empty)),
        content=_plain(np.max(boxes, axis=0)),
    )


def _extent(values: NDArray[Any], image: Image) -> NDArray[np.float64]:
    """World units of the box around what is not 0, along the upright axes."""
    box, grid = content_of(values != 0), image.geometry
    upright = grid.upright()
    turned = grid.at(box).upright()
    found: NDArray[np.float64] = np.multiply(turned.shape, upright.spacing)
    return found


def _plain(numbers: NDArray[np.float64]) -> Numbers:
    return tuple(float(v) for v in numbers)
