"""Occlusion (Zeiler and Fergus, 2014): how far the score falls when a part is covered."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sagittal.explainers._quiet import Attend, evaluating, scalar, to_unit

MOST_AT_ONCE = 1 << 21
"""Samples of the copies that are asked at once, so that volumes fit into memory."""


def occlusion(
    model: nn.Module,
    x: Tensor,
    attend: Attend,
    *,
    part: float = 0.2,
    overlap: float = 0.5,
    fill: float | None = None,
    batch: int = 16,
    most: int = 256,
) -> NDArray[np.float32]:
    """For a picture or volume a map ``(*shape)`` in 0..1; for a table row the fall of the score a column, ``(C,)``.

    Args:
        model: The network.
        x: One sample, ``(1, C, *shape)``, as the network takes it.
        attend: From the network's answer to the number that is explained.
        part: The side of the cover, as a share of each axis; larger where there would be more than ``most`` covers.
        overlap: How much of it neighbouring covers share.
        fill: What covers; ``None`` is the mean of each channel, and 0 (the mean of normalised columns) for a table row.
        batch: Covered copies that are asked at once; fewer of large volumes.
        most: Covered copies at most; a table row has one a column.

    Raises:
        NumericFailure: The score is not finite.

    >>> from sagittal.models.mlp import mlp
    >>> occlusion(mlp(channels=3, outputs=2), torch.ones(1, 3), lambda logits: logits[0, 1]).shape
    (3,)
    """
    shape = tuple(x.shape[2:])
    covers: list[tuple[slice, ...]] = [(slice(c, c + 1),) for c in range(x.shape[1])]
    if shape:
        covers = list(_covers(shape, part=part, overlap=overlap))
        while len(covers) > max(1, most) and part < 1:
            part = min(1.0, part * 1.05)
            covers = list(_covers(shape, part=part, overlap=overlap))
        batch = max(1, min(batch, MOST_AT_ONCE // math.prod(shape)))
    with evaluating(model), torch.no_grad():
        x = x.detach().clone()
        whole = float(scalar(model, x, attend))
        cover = _cover(x, fill)
        falls = np.zeros(shape or (x.shape[1],), dtype=np.float32)
        times = np.zeros_like(falls)
        asked: list[Tensor] = []
        for first in range(0, len(covers), batch):
            some = covers[first : first + batch]
            copies = x.repeat(len(some), *[1] * (x.dim() - 1))
            for i, where in enumerate(some):
                at: tuple[slice, ...] = (slice(None), *where) if shape else where
                copies[i][at] = cover[0][at]
            answers = model(copies)
            asked += [attend(answers[i : i + 1]).sum() for i in range(len(some))]
        # Brought over together: a GPU would be waited for at each place.
        for where, score in zip(covers, torch.stack(asked).tolist(), strict=True):
            falls[where] += whole - score
            times[where] += 1
    mean = (falls / np.maximum(times, 1)).astype(np.float32)
    return to_unit(mean) if shape else mean


def _cover(x: Tensor, fill: float | None) -> Tensor:
    if fill is None and x.dim() > 2:
        return x.flatten(2).mean(dim=2).reshape(*x.shape[:2], *[1] * (x.dim() - 2)).expand_as(x)
    return torch.full_like(x, fill or 0.0)


def _covers(shape: Sequence[int], *, part: float, overlap: float) -> Iterator[tuple[slice, ...]]:
    along: list[list[slice]] = []
    for size in shape:
        side = min(size, max(1, round(size * part)))
        step = max(1, round(side * (1 - overlap)))
        starts = sorted({*range(0, size - side, step), size - side})
        along.append([slice(a, a + side) for a in starts])
    return itertools.product(*along)
