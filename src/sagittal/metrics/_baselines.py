"""Answers that look at no case: what every score stands beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sagittal.metrics._answers import Answers, Array, Reference


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Baseline:
    """Trivial answers to the same cases.

    Args:
        name: ``all negative``, ``majority``, ``prevalence``, ``mean`` or ``nothing found``.
        sentence: What is answered.
        answers: To be scored by the same metrics.
    """

    name: str
    sentence: str
    answers: Answers


def baselines(answers: Answers) -> list[Baseline]:
    """What can be reached without looking at a case.

    They follow from what the training cases say (``answers.reference``); without it from the cases at hand, which
    flatters the baselines, and their sentence says so. Without a known case there are none.

    >>> from sagittal.metrics._examples import two_classes
    >>> from sagittal.metrics.accuracy import accuracy
    >>> for b in baselines(two_classes(hits=1, rejections=3)):
    ...     print(f"{b.name}: {accuracy(b.answers)[0].value}")
    all negative: 0.75
    majority: 0.75
    prevalence: 0.75
    """
    these = answers.known()
    if not these.n:
        return []
    return KINDS[these.kind](these)


def _source(answers: Answers) -> tuple[Reference, str]:
    if answers.reference is not None and answers.reference.n:
        return answers.reference, "the training cases"
    return Reference.of(answers.table, classes=len(answers.labels)), "these cases themselves"


def _of_class(answers: Answers) -> list[Baseline]:
    known, whose = _source(answers)
    labels, found = answers.labels, []
    one_hot = np.eye(len(labels))
    if len(labels) == 2 and labels.positive is not None:
        negative = 1 - labels.index(labels.positive)
        what = f"every case is {labels.classes[negative]}"
        found.append(Baseline(name="all negative", sentence=what, answers=_same(answers, one_hot[negative], negative)))
    most = int(known.mean.argmax())
    what = f"every case is {labels.classes[most]}, the most frequent class of {whose}"
    found.append(Baseline(name="majority", sentence=what, answers=_same(answers, one_hot[most], most)))
    what = f"every case has the class shares of {whose} as probabilities"
    return [*found, Baseline(name="prevalence", sentence=what, answers=_same(answers, known.mean, most))]


def _of_classes(answers: Answers) -> list[Baseline]:
    known, whose = _source(answers)
    nothing = np.zeros(len(answers.labels))
    what = f"every case has the shares of {whose} as probabilities"
    return [
        Baseline(name="all negative", sentence="no case has any class", answers=_same(answers, nothing, nothing > 0)),
        Baseline(name="prevalence", sentence=what, answers=_same(answers, known.mean, known.mean >= 0.5)),
    ]


def _of_value(answers: Answers) -> list[Baseline]:
    known, whose = _source(answers)
    return [Baseline(name="mean", sentence=f"every case has the mean of {whose}", answers=_same(answers, known.mean, known.mean))]


def _of_boxes(answers: Answers) -> list[Baseline]:
    width = next((b.shape[1] + 1 for b in answers.truth if b.shape[1]), 2)
    nothing = tuple(np.zeros((0, width)) for _ in range(answers.n))
    return [Baseline(name="nothing found", sentence="no case has any object", answers=replace(answers, answer=nothing))]


def _same(answers: Answers, scores: Array, answer: Array | int) -> Answers:
    """The same scores and answer for every case."""
    given = np.broadcast_to(np.asarray(answer), answers.said.shape).astype(answers.said.dtype)
    return replace(answers, scores=np.broadcast_to(scores, answers.scores.shape).copy(), answer=given)


KINDS: dict[str, Callable[[Answers], list[Baseline]]] = {
    "class": _of_class,
    "classes": _of_classes,
    "value": _of_value,
    "boxes": _of_boxes,
}
