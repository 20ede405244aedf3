"""One class counted over samples: what overlaps and ranks are made of, of a case, of a patient, or of all pixels together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.metrics._intervals import Floats
from sagittal.metrics._sums import ratio
from sagittal.ops.ranked import BINS

_COUNTS = 4


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Counted:
    """Samples of a class where the truth is known; any leading axes, so that many resamples are one.

    Args:
        both: In truth and answer.
        truth: In the truth.
        answer: In the answer.
        known: All of them.
        spread: ``(..., 2, BINS)`` samples outside of the class and of it by probability (:func:`sagittal.ops.ranked.spread`);
            None where no probabilities were kept.

    >>> tile = Counted.of(np.array([1.0, 2.0, 1.0, 9.0]))
    >>> float(tile.dice), float(tile.specificity)
    (0.6666666666666666, 1.0)
    """

    both: Floats
    truth: Floats
    answer: Floats
    known: Floats
    spread: Floats | None = field(default=None, repr=False)

    @classmethod
    def of(cls, rows: Floats) -> Counted:
        """From rows ``(..., 4)`` or ``(..., 4 + 2 * BINS)`` as :attr:`row` gives them, or from sums of such rows."""
        counts = np.moveaxis(rows[..., :_COUNTS], -1, 0)
        ranked = rows[..., _COUNTS:].reshape(*rows.shape[:-1], 2, BINS) if rows.shape[-1] > _COUNTS else None
        return cls(both=counts[0], truth=counts[1], answer=counts[2], known=counts[3], spread=ranked)

    @property
    def row(self) -> Floats:
        """All numbers of it along one axis; rows of several pictures may be added."""
        counts = np.stack([self.both, self.truth, self.answer, self.known], axis=-1).astype(np.float64)
        if self.spread is None:
            return counts
        return np.concatenate([counts, self.spread.reshape(*counts.shape[:-1], -1)], axis=-1)

    @property
    def dice(self) -> Floats:
        """``2 |T and A| / (|T| + |A|)``: the F1 of samples."""
        return ratio(2 * self.both, self.truth + self.answer)

    @property
    def specificity(self) -> Floats:
        """The share of the samples outside of the class that the answer leaves out, too."""
        outside = self.known - self.truth
        return ratio(outside - (self.answer - self.both), outside)

    @property
    def area(self) -> Floats:
        """The chance that a sample of the class has a higher probability than one outside of it; ties count half."""
        if self.spread is None:
            return np.full(np.shape(self.both), np.nan)
        outside, inside = self.spread[..., 0, :], self.spread[..., 1, :]
        below = np.cumsum(outside, axis=-1) - outside / 2
        return ratio((inside * below).sum(axis=-1), inside.sum(axis=-1) * outside.sum(axis=-1))

    def nothing(self) -> Counted:
        """The same samples, of none of which the class is answered."""
        return self._same(np.zeros_like(self.both), np.zeros_like(self.both), place=0)

    def everything(self) -> Counted:
        """The same samples, of all of which the class is answered."""
        return self._same(self.truth, self.known, place=-1)

    def _same(self, both: Floats, answer: Floats, *, place: int) -> Counted:
        """One probability everywhere: nothing is told by rank."""
        ranked = None
        if self.spread is not None:
            ranked = np.zeros_like(self.spread)
            ranked[..., place] = self.spread.sum(axis=-1)
        return Counted(both=both, truth=self.truth, answer=answer, known=self.known, spread=ranked)


def together(rows: Iterable[NDArray[Any]]) -> Counted:
    """Several pictures as one: all of their samples count.

    Raises:
        ValueError: There is none.
    """
    total: Floats | None = None
    for row in rows:
        total = row.astype(np.float64) if total is None else total + row
    if total is None:
        raise ValueError("there is no picture")
    return Counted.of(total)
