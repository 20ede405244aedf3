"""Which answered boxes are which true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagittal.metrics._answers import Answers
from sagittal.metrics._intervals import Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Matched:
    """The boxes of one class over all cases.

    Args:
        label: The class.
        case: ``(D,)``: the row of the case of each answered box, best score first.
        score: ``(D,)``.
        hit: ``(D,)``: it is a true box that no better one has taken.
        truths: ``(N,)``: how many true boxes each case has.
    """

    label: str
    case: NDArray[np.intp]
    score: Floats
    hit: NDArray[np.bool_]
    truths: Floats


def matched(answers: Answers, *, iou: float) -> list[Matched]:
    """Each class but the background, every answered box beside the true box that it found.

    Within a case, boxes in the order of their scores each take the free true box of their class that they overlap
    most, when their intersection over union is at least ``iou``.

    Raises:
        UsageError: The answers are not boxes.
    """
    answers.need("boxes")
    found = []
    for k, label in enumerate(answers.labels.classes):
        if label == answers.labels.background:
            continue
        pairs = [_of_class(t, a, k) for t, a in zip(answers.truth, answers.answer, strict=True)]
        case = np.repeat(np.arange(len(pairs)), [len(a) for _, a in pairs])
        score = np.concatenate([np.zeros(0), *(a[:, -1] for _, a in pairs)])
        hit = np.concatenate([np.zeros(0, dtype=bool), *(_hits(t, a, iou) for t, a in pairs)])
        order = np.argsort(-score, kind="stable")
        truths = np.array([len(t) for t, _ in pairs], dtype=np.float64)
        found.append(Matched(label=label, case=case[order], score=score[order], hit=hit[order], truths=truths))
    return found


def overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of boxes ``(n, 2 * axes)`` with boxes ``(m, 2 * axes)``: ``(n, m)``.

    >>> overlap(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    axes = one.shape[1] // 2
    low = np.maximum(one[:, None, :axes], other[None, :, :axes])
    high = np.minimum(one[:, None, axes:], other[None, :, axes:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    sizes = [np.prod(np.clip(b[:, axes:] - b[:, :axes], 0, None), axis=1) for b in (one, other)]
    union = sizes[0][:, None] + sizes[1][None] - common
    shared: Floats = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return shared


def _of_class(truth: Floats, answer: Floats, k: int) -> tuple[Floats, Floats]:
    """The boxes of one class; those of the answer best first."""
    mine = truth[truth[:, -1] == k] if truth.size else truth.reshape(0, max(truth.shape[1], 1))
    said = answer[answer[:, -2] == k] if answer.size else answer.reshape(0, max(answer.shape[1], 2))
    return mine, said[np.argsort(-said[:, -1], kind="stable")]


def _hits(truth: Floats, answer: Floats, iou: float) -> NDArray[np.bool_]:
    hit = np.zeros(len(answer), dtype=np.bool_)
    if not (len(truth) and len(answer)):
        return hit
    shared = overlap(answer[:, :-2], truth[:, :-1])
    for i in range(len(answer)):
        best = int(shared[i].argmax())
        if shared[i, best] >= iou:
            hit[i] = True
            shared[:, best] = -1
    return hit
