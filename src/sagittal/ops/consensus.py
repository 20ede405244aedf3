"""One label map of several people's: what most say, or what is most likely given how good each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core.annotation import IGNORE

MOST_ROUNDS = 1000
CERTAIN = 0.99999
"""What STAPLE first takes for the sensitivity and specificity of everybody, as ITK does."""

Maps = Sequence[NDArray[np.integer[Any]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What STAPLE makes of several masks.

    Args:
        probability: That a sample is inside, on the grid of the masks.
        sensitivity: ``(R,)`` of each person.
        specificity: The same.
    """

    probability: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]


def majority(maps: Maps, *, background: int = 0) -> NDArray[np.int16]:
    """The class that most people give each sample; where several are as many, the background, else the first class of them.

    Args:
        maps: Class indices on one grid; who says :data:`~sagittal.core.annotation.IGNORE` has no vote.
        background: Where opinions are equal nothing is drawn.

    >>> majority([np.array([0, 1, 1, -1]), np.array([0, 1, 2, -1]), np.array([1, 2, 0, 2])]).tolist()
    [0, 1, 0, 2]
    """
    stacked = _stacked(maps)
    classes = int(stacked.max(initial=0)) + 1
    votes = np.stack([(stacked == k).sum(axis=0) for k in range(max(classes, background + 1))])
    most = votes.max(axis=0)
    found = np.where(votes[background] == most, background, votes.argmax(axis=0))
    return np.where(most == 0, IGNORE, found).astype(np.int16)


def staple(masks: Sequence[NDArray[np.bool_]]) -> Estimate:
    """Simultaneous truth and performance level estimation of masks.

    Source: Warfield, Zou & Wells, IEEE Trans. Med. Imaging 23 (2004) 903. Without a spatial prior; the share of the object is the
    mean over all masks, as in ITK.

    >>> found = staple([np.array([1, 1, 0, 0], bool), np.array([1, 1, 0, 0], bool), np.array([1, 0, 0, 1], bool)])
    >>> (found.probability > 0.5).tolist(), bool(found.sensitivity[2] < found.sensitivity[0])
    ([True, True, False, False], True)
    """
    stacked = _stacked([np.asarray(m, dtype=np.bool_) for m in masks])
    patterns, place, counts = np.unique(stacked.reshape(len(masks), -1), axis=1, return_inverse=True, return_counts=True)
    share = float((patterns * counts).sum() / (len(masks) * counts.sum()))
    sensitivity, specificity = np.full(len(masks), CERTAIN), np.full(len(masks), CERTAIN)
    inside = np.zeros(patterns.shape[1])
    for _ in range(MOST_ROUNDS):
        yes = share * np.where(patterns, sensitivity[:, None], 1 - sensitivity[:, None]).prod(axis=0)
        no = (1 - share) * np.where(patterns, 1 - specificity[:, None], specificity[:, None]).prod(axis=0)
        inside = np.divide(yes, yes + no, out=np.zeros_like(yes), where=yes + no > 0)
        weight, rest = inside * counts, (1 - inside) * counts
        before = sensitivity, specificity
        sensitivity = (patterns * weight).sum(axis=1) / weight.sum() if weight.sum() > 0 else sensitivity
        specificity = (~patterns * rest).sum(axis=1) / rest.sum() if rest.sum() > 0 else specificity
        if max(np.abs(sensitivity - before[0]).max(), np.abs(specificity - before[1]).max()) < 1e-12:
            break
    probability = inside[place.reshape(-1)].reshape(stacked.shape[1:])
    return Estimate(probability=probability, sensitivity=sensitivity, specificity=specificity)


def most_likely(maps: Maps, *, background: int = 0) -> NDArray[np.int16]:
    """The class of each sample by :func:`staple`, a class against all others; background where none is likelier than not.

    Samples of which somebody knows nothing are decided by the :func:`majority` of the others.
    """
    stacked = _stacked(maps)
    known = (stacked != IGNORE).all(axis=0)
    found = majority(maps, background=background)
    if not known.any():
        return found
    classes = [k for k in np.unique(stacked[:, known]).tolist() if k != background]
    best, decided = np.full(int(known.sum()), 0.5), np.full(int(known.sum()), background, dtype=np.int16)
    for k in classes:
        probability = staple(list(stacked[:, known] == k)).probability
        decided[probability > best] = k
        best = np.maximum(best, probability)
    found[known] = decided
    return found


def _stacked(maps: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if not maps or len({m.shape for m in maps}) != 1:
        raise ValueError(f"maps of several people lie on one grid, not on {sorted({m.shape for m in maps})}")
    return np.stack(maps)
