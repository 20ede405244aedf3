"""Permutation importance (Breiman, 2001; Fisher et al., 2019): what a score loses when a column is shuffled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Score = Callable[[NDArray[np.generic], NDArray[np.float32]], float]
_Rowwise = Callable[[NDArray[np.generic], NDArray[np.float32]], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Importance:
    """What each column is worth.

    Args:
        fall: ``(C,)``: the mean fall of the score; about 0, or a little below, for a column that is not used.
        spread: ``(C,)``: the standard deviation over the shuffles.
        each: ``(C, N)``: the mean fall of each row, for an interval over rows; None for a score that rows do not add up to.
    """

    fall: NDArray[np.float64]
    spread: NDArray[np.float64]
    each: NDArray[np.float64] | None = None


def permutation(
    predict: Predict,
    rows: NDArray[np.float32],
    *,
    truth: NDArray[np.generic],
    rng: np.random.Generator,
    score: Score | None = None,
    repeats: int = 10,
) -> Importance:
    """How far the score of many rows falls when one column at a time is shuffled.

    Two columns that say the same stand in for each other: each may then look worthless.

    Args:
        predict: ``(N, C) -> (N, K)``: probabilities of classes, or values.
        rows: ``(N, C)``, rows that were not trained on.
        truth: ``(N,)`` class indices, or values of the shape of the answers.
        rng: For the shuffles.
        score: ``score(truth, answers)``, higher is better; by default minus the log loss of classes, minus the squared
            error of values.
        repeats: Shuffles a column.

    >>> rows = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    >>> found = permutation(lambda r: r[:, :1], rows, truth=rows[:, :1], rng=np.random.default_rng(1))
    >>> found.fall.round(0).tolist()
    [2.0, 0.0]
    """
    measure = _measure(score) if score is not None else (_log_likelihood if np.issubdtype(truth.dtype, np.integer) else _closeness)
    whole = measure(truth, predict(rows))
    falls = np.empty((rows.shape[1], repeats))
    each = np.zeros((rows.shape[1], len(whole)))
    for column in range(rows.shape[1]):
        shuffled = rows.copy()
        for i in range(repeats):
            shuffled[:, column] = rng.permutation(rows[:, column])
            fall = whole - measure(truth, predict(shuffled))
            falls[column, i] = fall.mean()
            each[column] += fall / repeats
    spread = falls.std(axis=1, ddof=1 if repeats > 1 else 0)
    return Importance(fall=falls.mean(axis=1), spread=spread, each=each if score is None else None)


def _measure(score: Score) -> _Rowwise:
    return lambda truth, answers: np.array([score(truth, answers)])


def _log_likelihood(truth: NDArray[np.generic], p: NDArray[np.float32]) -> NDArray[np.float64]:
    right = np.take_along_axis(p, truth.astype(np.int64)[:, None], axis=1)[:, 0]
    likely: NDArray[np.float64] = np.log(np.clip(right.astype(np.float64), 1e-7, 1))
    return likely


def _closeness(truth: NDArray[np.generic], answers: NDArray[np.float32]) -> NDArray[np.float64]:
    """Minus the squared error of each row, the mean over what it answers."""
    far: NDArray[np.float64] = np.square(truth.astype(np.float64).reshape(answers.shape) - answers)
    near: NDArray[np.float64] = -far.reshape(len(far), -1).mean(axis=1)
    return near
