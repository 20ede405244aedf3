"""One answer a patient from the answers to the patient's cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from sagittal.errors import UsageError
from sagittal.metrics._answers import Answers, Array
from sagittal.metrics._intervals import Floats

Rule = Literal["mean", "max"]


def by_patient(answers: Answers, rule: Rule = "mean", *, decide: Callable[[Floats], Array] | None = None) -> Answers:
    """The answers with one row a patient (group); ``unit`` and ``rule`` of the result say how it was made.

    Scores are the mean over the patient's cases, or the highest of the positive class. The truth is the one class of
    the patient's cases; where they differ, it is positive if any case is, and without a positive class the patient is
    left out and counted in ``rule``. Several labels: those that any case has. Values: the mean. Cases of which nothing is
    known are left out; a case without a group is a patient of its own.

    Args:
        answers: Of classes or values.
        rule: ``mean``, or ``max``: the highest probability (for one class a case a positive one has to be named).
        decide: From scores ``(P, K)`` to answers, such as an operating point's; the most probable class (at least .5 for
            several labels, the score itself for values) when not given.

    Raises:
        UsageError: Boxes, or ``max`` without a positive class.

    >>> from sagittal.metrics._examples import answers_of
    >>> scores = [[0.9, 0.1], [0.3, 0.7], [0.8, 0.2]]
    >>> found = by_patient(answers_of([0, 0, 1], scores, classes=("no", "yes"), positive="yes", groups=["p", "p", "q"]))
    >>> found.cases.tolist(), found.scores.round(2).tolist(), found.rule
    (['p', 'q'], [[0.6, 0.4], [0.8, 0.2]], 'mean over the cases of a patient')
    """
    answers.need("class", "classes", "value")
    these = answers.known()
    owners = these.owners
    count = int(owners.max()) + 1 if these.n else 0
    first = np.unique(owners, return_index=True)[1]
    truth, kept, note = _truth(these, owners, count)
    scores = _scores(these, owners, count, rule)[kept]
    names = np.where(these.groups[first] != "", these.groups[first], these.cases[first])[kept]
    said = decide(scores) if decide is not None else _decided(these, scores)
    words = "mean over" if rule == "mean" else "highest of"
    return replace(
        these,
        cases=names,
        groups=names,
        truth=truth[kept],
        scores=scores,
        answer=said,
        unit="patient",
        rule="; ".join(part for part in [f"{words} the cases of a patient", note] if part),
    )


def _truth(answers: Answers, owners: Array, count: int) -> tuple[Array, Array, str]:
    """The truth of each patient, which patients have one, and what there is to say of it."""
    everyone = np.arange(count)
    if answers.kind == "value":
        return _mean(answers.table, owners, count), everyone, ""
    k = len(answers.labels)
    table = np.eye(k)[answers.table] if answers.kind == "class" else answers.table.astype(np.float64)
    holds = _mean(table.reshape(-1, k), owners, count) > 0
    if answers.kind == "classes":
        return holds, everyone, ""
    truth, mixed = holds.argmax(axis=1), holds.sum(axis=1) > 1
    if not mixed.any():
        return truth, everyone, ""
    if answers.labels.positive is None:
        return truth, np.flatnonzero(~mixed), f"{int(mixed.sum())} patients with cases of several classes left out"
    at = answers.labels.index(answers.labels.positive)
    left_out = mixed & ~holds[:, at]
    note = f"a patient is {answers.labels.positive} if any case is" + (
        f"; {int(left_out.sum())} patients with cases of several other classes left out" if left_out.any() else ""
    )
    return np.where(holds[:, at], at, truth), np.flatnonzero(~left_out), note


def _scores(answers: Answers, owners: Array, count: int, rule: Rule) -> Floats:
    mean = _mean(answers.scores, owners, count)
    if rule == "mean":
        return mean
    highest = np.full(mean.shape, -np.inf)
    np.maximum.at(highest, owners, answers.scores)
    if answers.kind != "class":
        return highest
    if answers.labels.positive is None:
        raise UsageError("PATIENT_RULE", "max", "the highest probability needs a positive class", "name it in labels.positive, or use mean")
    # The other classes share what is left, in their own proportions, so that the row still adds up to 1.
    at = answers.labels.index(answers.labels.positive)
    others = np.delete(mean, at, axis=1)
    left = (1 - highest[:, at]) / np.maximum(others.sum(axis=1), 1e-38)
    scores: Floats = mean * left[:, None]
    scores[:, at] = highest[:, at]
    return scores


def _decided(answers: Answers, scores: Floats) -> Array:
    if answers.kind == "class":
        found: Array = scores.argmax(axis=1)
        return found
    return scores >= 0.5 if answers.kind == "classes" else scores


def _mean(values: Array, owners: Array, count: int) -> Floats:
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, owners, values)
    mean: Floats = sums / np.bincount(owners, minlength=count)[:, None]
    return mean
