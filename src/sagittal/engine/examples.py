"""What a validation looks like: a few cases with truth and answer, and which class was taken for which."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sagittal.core.labels import PALETTE
from sagittal.data.batch import Batch
from sagittal.engine.shown import Pixels, View, grey

MOST = 3
"""Cases that are drawn."""

SIDE_PX, CELL_PX, NAME_PX, TEXT_PX = 160, 56, 120, 11

MOST_CLASSES = 24
"""A table of more classes cannot be read as a picture."""


class Seen:
    """Collects from the batches of a validation what is worth a picture; the rest is not kept.

    Args:
        classes: Their names, for the table.
        view: How an image is shown.

    Attributes:
        first: The first image ``(1, C, *shape)`` as it enters the network; None before there is one.
    """

    def __init__(self, classes: Sequence[str] = (), view: View = grey) -> None:
        self._classes = tuple(classes)
        self._view = view
        self._examples: list[Pixels] = []
        self._scores: list[Pixels] = []
        self._counts: Tensor | None = None
        self.first: Tensor | None = None

    def add(self, outputs: Tensor, batch: Batch) -> None:
        """Look at a batch: ``(B, K, *shape)`` or ``(B, K)`` beside its targets; anything else has no picture."""
        targets = batch.targets
        if self.first is None:
            self.first = batch.images[:1].clone()
        if targets.is_floating_point() or outputs.dim() != targets.dim() + 1 or outputs.shape[1] < 2:
            return
        if outputs.shape[1] <= MOST_CLASSES:
            self._count(outputs, targets.to(outputs.device, non_blocking=True), (batch.weights > 0).to(outputs.device, non_blocking=True))
        if outputs.dim() == batch.images.dim() and outputs.dim() > 2 and len(self._examples) < MOST:
            n = min(len(outputs), MOST - len(self._examples))
            answers = outputs[:n].argmax(dim=1).cpu().numpy()
            scores = outputs[:n].detach().float().softmax(dim=1).cpu().numpy()
            images = map(self._view, batch.images[:n].float().cpu().numpy())
            for image, truth, answer, each in zip(images, targets[:n].cpu().numpy(), answers, scores, strict=True):
                self._examples.append(example(image, truth, answer))
                self._scores.append(score_maps(image, each))

    @property
    def examples(self) -> Pixels | None:
        """Cases below each other, left with the truth, right with the answer; None where there are none."""
        return _stacked(self._examples)

    @property
    def scores(self) -> Pixels | None:
        """The same cases below each other with the score of each class; None where there are none."""
        return _stacked(self._scores)

    @property
    def confusion(self) -> Pixels | None:
        """The table of truths (rows) and answers (columns) of cases, or of the samples of drawn ones; None where answers are no classes."""
        counts = self.counts
        if counts is None:
            return None
        names = self._classes if len(self._classes) == len(counts) else tuple(str(n) for n in range(len(counts)))
        return table(counts, names)

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """How often each truth (rows) got each answer (columns)."""
        if self._counts is None:
            return None
        k = math.isqrt(len(self._counts))
        found: NDArray[np.int64] = self._counts[: k * k].reshape(k, k).cpu().numpy()
        return found

    def _count(self, outputs: Tensor, targets: Tensor, counted: Tensor) -> None:
        """Add up on the device; its numbers are asked for when the picture is."""
        k = outputs.shape[1]
        known = (targets >= 0) & (targets < k) & counted.reshape(-1, *[1] * (targets.dim() - 1))
        # what is not known is counted behind the table
        place = torch.where(known, targets * k + outputs.argmax(dim=1), k * k).flatten()
        counts = torch.zeros(k * k + 1, dtype=torch.int64, device=place.device).scatter_add_(0, place, torch.ones_like(place))
        self._counts = counts if self._counts is None else self._counts + counts


def example(image: Pixels, truth: NDArray[np.integer], answer: NDArray[np.integer]) -> Pixels:
    """A case in the planes with most of the truth, left with the truth's outlines, right with the answer's.

    Args:
        image: ``(*shape, 3)``, of two or three axes.
        truth: ``(*shape)``; class indices, 0 is not drawn, below 0 is not known.
        answer: The same.

    >>> example(np.zeros((8, 6, 3), np.uint8), np.zeros((8, 6), int), np.zeros((8, 6), int)).shape
    (160, 244, 3)
    """
    some = truth > 0 if (truth > 0).any() else answer > 0
    at = [int(some.sum(axis=tuple(a for a in range(some.ndim) if a != axis)).argmax()) for axis in range(some.ndim)]
    if not some.any():
        at = [n // 2 for n in some.shape]
    seen = _planes(image, at)
    sides = [np.concatenate(list(map(_outlined, seen, _planes(drawn, at))), axis=1) for drawn in (truth, answer)]
    return np.concatenate([sides[0], np.zeros((SIDE_PX, 4, 3), np.uint8), sides[1]], axis=1)


def score_maps(image: Pixels, scores: NDArray[np.float32]) -> Pixels:
    """A case and the score of each class beside it, from black for 0 to white for 1; of a volume the middle planes.

    Args:
        image: ``(*shape, 3)``, of two or three axes.
        scores: ``(K, *shape)``.

    >>> score_maps(np.zeros((8, 6, 3), np.uint8), np.zeros((2, 8, 6), np.float32)).shape
    (160, 368, 3)
    """
    at = [n // 2 for n in image.shape[:-1]]
    maps = np.repeat(np.rint(scores * 255).astype(np.uint8)[..., None], 3, axis=-1)
    rows = [np.concatenate([_sized(plane) for plane in _planes(one, at)], axis=1) for one in (image, *maps)]
    gap = np.zeros((SIDE_PX, 4, 3), np.uint8)
    return np.concatenate([part for row in rows for part in (row, gap)][:-1], axis=1)


def table(counts: NDArray[np.int64], names: Sequence[str]) -> Pixels:
    """A confusion table as a picture: rows are the truth, shades are shares of the row.

    >>> table(np.eye(2, dtype=np.int64), ("ill", "well")).shape
    (168, 232, 3)
    """
    k = len(names)
    picture = np.full((CELL_PX * (k + 1), NAME_PX + CELL_PX * k, 3), 255, np.uint8)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, name in enumerate(names):
        top = CELL_PX * (row + 1)
        _write(picture, name, 4, top + CELL_PX // 2, width=NAME_PX - 8)
        _write(picture, name, NAME_PX + CELL_PX * row + 3, CELL_PX // 2, width=CELL_PX - 6)
        for column in range(k):
            share = float(shares[row, column])
            left = NAME_PX + CELL_PX * column
            shade = np.array([255, 255, 255]) + share * (np.array([0, 87, 138]) - 255)
            picture[top : top + CELL_PX - 2, left : left + CELL_PX - 2] = shade.astype(np.uint8)
            _write(picture, _short(int(counts[row, column])), left + 6, top + CELL_PX // 2, width=CELL_PX - 8, bright=share > 0.5)
    return picture


def _short(count: int) -> str:
    """A number that fits into its cell whole.

    >>> _short(98765), _short(12345678)
    ('98765', '12.3M')
    """
    return str(count) if count < 1_000_000 else f"{count / 1e6:.3g}M" if count < 1_000_000_000 else f"{count / 1e9:.3g}G"


def _planes(volume: NDArray[np.generic], at: Sequence[int]) -> list[NDArray[np.generic]]:
    """A picture itself; of an upright volume three slices, head or front up. Channels come last."""
    if len(at) == 2:
        return [volume]
    return [np.rot90(np.take(volume, at[axis], axis=axis)) for axis in (2, 1, 0)]


def _stacked(made: Sequence[Pixels]) -> Pixels | None:
    if not made:
        return None
    width = max(e.shape[1] for e in made)
    return np.concatenate([np.pad(e, ((0, 4), (0, width - e.shape[1]), (0, 0))) for e in made])


def _sized(plane: NDArray[np.generic]) -> Pixels:
    """A plane at a height that can be seen."""
    width = max(1, round(plane.shape[1] * SIDE_PX / plane.shape[0]))
    found: Pixels = np.asarray(cv2.resize(np.ascontiguousarray(plane), (width, SIDE_PX), interpolation=cv2.INTER_LINEAR), np.uint8)
    return found


def _outlined(plane: NDArray[np.generic], drawn: NDArray[np.generic]) -> Pixels:
    """One plane at a height that can be seen, with a line round each class."""
    view = _sized(plane)
    width = view.shape[1]
    classes = cv2.resize(np.ascontiguousarray(drawn).astype(np.float32), (width, SIDE_PX), interpolation=cv2.INTER_NEAREST).astype(int)
    padded = np.pad(classes, 1, mode="edge")
    beside = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    edge = np.any([b < classes for b in beside], axis=0) & (classes > 0)
    for number in np.unique(classes[edge]):
        colour = PALETTE[int(number) % len(PALETTE)]
        view[edge & (classes == number)] = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return view


def _write(picture: Pixels, text: str, left: int, middle: int, *, width: int, bright: bool = False) -> None:
    size = 0.4
    while size > 0.25 and cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0] > width:
        size -= 0.05
    while len(text) > 3 and cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0] > width:
        text = text[:-1]
    grey = 255 if bright else 30
    cv2.putText(picture, text, (left, middle + TEXT_PX // 2), cv2.FONT_HERSHEY_SIMPLEX, size, (grey, grey, grey), 1, cv2.LINE_AA)


def as_tensor(picture: Pixels) -> Tensor:
    """``(3, H, W)``, as TensorBoard takes it."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, -1, 0)))
