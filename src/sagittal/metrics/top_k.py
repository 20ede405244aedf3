"""Top-k accuracy: the share of the cases whose class is among the k most probable ones."""

from __future__ import annotations

import numpy as np

from sagittal.core import Score
from sagittal.errors import UsageError
from sagittal.metrics._answers import Answers
from sagittal.metrics._tables import share_score


def top_k(answers: Answers, *, k: int | None = None) -> list[Score]:
    """The share of cases whose true class has one of the k highest scores; overall, then among the cases of a class.

    Ties count against the model: a model that gives every class the same score is never right.
    Wilson intervals; a bootstrap over groups where a group has several cases.

    Args:
        answers: One class a case.
        k: Below the number of classes, for k of k classes are always right. Half of the classes, from 2 to 5, when
            not given; with two classes there is none but 1, which is accuracy, and the score is undefined.

    Raises:
        UsageError: ``k`` is not below the number of classes, or the answers are of another kind.

    >>> from sagittal.metrics._examples import answers_of
    >>> top_k(answers_of([2, 2], [[0.5, 0.2, 0.3], [0.5, 0.4, 0.1]]), k=2)[0].value
    0.5
    """
    answers.need("class")
    classes = len(answers.labels)
    if k is not None and not 1 <= k < classes:
        raise UsageError("TOP_K", f"k={k}", f"of {classes} classes, k has to be 1 to {classes - 1}", "choose a smaller k")
    if k is None and classes < 3:
        why = f"with {classes} classes only k=1 is below their number, and that is accuracy"
        return [Score(metric="top_k", n=answers.known().n, undefined=why, convention="k=2")]
    chosen = k if k is not None else min(5, max(2, classes // 2))
    known = answers.known()
    own = known.scores[np.arange(known.n), known.table]
    hits = (known.scores >= own[:, None]).sum(axis=1) <= chosen
    among = {"": np.ones(known.n, dtype=np.bool_)} | {name: known.table == i for i, name in enumerate(known.labels.classes)}
    return [
        share_score("top_k", known, label, np.stack([hits & these, these], axis=1).astype(np.float64), convention=f"k={chosen}")
        for label, these in among.items()
    ]
