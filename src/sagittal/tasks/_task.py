"""What a task is: a row of small functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.annotation import Annotation
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.ops.growing import Growing, Marks, Objects
from sagittal.ops.stitch import MergerFor

Quick = dict[str, tuple[torch.Tensor, torch.Tensor | int]]
"""Sums and counts by name, where the outputs are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What the network must put out.

    Args:
        channels: How many numbers.
        dense: One set for every sample of the grid, or one for the window.
    """

    channels: int
    dense: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Apart:
    """How objects are told apart in two steps, of which the first looks at each sample by itself.

    Args:
        mark: Scores and labels to marks.
        begin: For rows of this shape, what takes marks and gives numbers of objects.
        codes: By number of an object, from 0 on: its code, or 0 where it is dropped.
        extra: Names of the scores after those of the classes.
    """

    mark: Callable[[NDArray[np.float32], Labels], Marks]
    begin: Callable[[tuple[int, ...], Labels], Growing]
    codes: Callable[[Objects, Labels], NDArray[np.int32]]
    extra: tuple[str, ...] = ()

    def joined(self, marks: Marks, labels: Labels) -> NDArray[np.int32]:
        """The codes of a whole case from its marks."""
        growing = self.begin(marks.shape[1:], labels)
        numbers = [*growing.add(marks), *growing.close()]
        objects = growing.objects()
        table = self.codes(objects, labels)[objects.root]
        found: NDArray[np.int32] = table[np.concatenate(numbers)] if numbers else np.zeros(marks.shape, np.int32)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A question to a case, as functions; the engine knows no task by name.

    Args:
        name: As on the shelf.
        said: The kinds of annotation it fits, most natural first: ``label``, ``labels``, ``value``,
            ``mask``, ``objects``, ``outlines``, ``boxes``.
        encode: What is asked of the annotation in a region: a number, a ``(K,)`` array, or an array on the grid.
        target: The encoded array, after the read map has moved it with the image, as the loss wants it;
            for most tasks the same.
        truth: What a score compares the answer with, on the source's own grid.
        objects: For answers that number objects: the numbers in the truth. ``finish`` then gives codes, object number times
            classes plus class, of which the class is the answer.
        head: What the network puts out for these labels on a grid with so many axes.
        loss: Default name on the shelf of losses.
        activate: Logits to scores, class axis 1: what may be averaged over windows and mirrored views.
        merge: Windows to case.
        finish: Scores and labels to what a person reads, on the grid that is given.
        metrics: Names of metrics over all cases.
        per_case: Names of metrics of one case that are summarised over cases.
        attend: The number that an explainer explains: ``(outputs (B, K, ...), class index) -> (B,)``.
        calibrated: Whether the scores are probabilities that a temperature can correct.
        regrid: Whether the scores are brought onto the source's grid before ``finish``; not where the
            answer is in world units anyway.
        exclusive: Whether exactly one class is true, so that the scores add up to 1.
        samplewise: Whether ``finish`` looks at each sample by itself, so that a case can be finished slab by slab and its
            scores need not be kept; windows are then merged as by ``merge``, in a ring.
        apart: Where ``finish`` numbers objects in two steps, those; a case can then be marked slab by slab.
        units: Mean and spread of the training targets, one number each an output channel, in which the network answers;
            None for logits, which have no unit.
        quick: Cheap scores of a batch for the log: ``(outputs, targets) -> {name: (sum, n)}``; ``name:k`` is that of the class of
            this index. Numbers of the device stay there as tensors: nothing waits for it.
    """

    name: str
    said: tuple[str, ...]
    encode: Callable[[Annotation, Geometry], NDArray[Any]]
    head: Callable[[Labels, int], Head]
    loss: str
    activate: Callable[[torch.Tensor], torch.Tensor]
    merge: MergerFor
    finish: Callable[[NDArray[np.float32], Labels, Geometry], NDArray[Any]]
    metrics: tuple[str, ...]
    attend: Callable[[torch.Tensor, int], torch.Tensor]
    truth: Callable[[Annotation, Geometry], NDArray[Any]]
    target: Callable[[NDArray[Any], Labels], NDArray[Any]]
    per_case: tuple[str, ...] = ()
    objects: Callable[[Annotation, Geometry], NDArray[np.int32]] | None = None
    calibrated: bool = False
    regrid: bool = True
    exclusive: bool = False
    samplewise: bool = False
    apart: Apart | None = None
    units: Callable[[Sequence[NDArray[Any]], Labels], tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None
    quick: Callable[[torch.Tensor, torch.Tensor], Quick]

    @property
    def in_slabs(self) -> bool:
        """Whether scores need not be kept until a case is whole."""
        return self.samplewise or self.apart is not None

    def drawn(self, scores: NDArray[np.float32], labels: Labels, grid: Geometry) -> NDArray[Any]:
        """What can be said of each sample by itself: what a person reads, or marks."""
        return self.finish(scores, labels, grid) if self.apart is None else self.apart.mark(scores, labels)


def as_it_is(encoded: NDArray[Any], labels: Labels) -> NDArray[Any]:
    """For tasks whose encoded array is the loss's target."""
    return encoded


def channel(outputs: torch.Tensor, index: int) -> torch.Tensor:
    """``(B,)``: the output of one class, summed over the grid where there is one."""
    return outputs[:, index].flatten(1).sum(dim=1) if outputs.ndim > 2 else outputs[:, index]


def softmax(outputs: torch.Tensor) -> torch.Tensor:
    """Scores that add up to 1 over the classes."""
    return torch.softmax(outputs.float(), dim=1)


def sigmoid(outputs: torch.Tensor) -> torch.Tensor:
    """Scores of each class by itself."""
    return torch.sigmoid(outputs.float())


def identity(outputs: torch.Tensor) -> torch.Tensor:
    """Values are their own scores."""
    return outputs.float()
