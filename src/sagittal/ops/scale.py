"""Intensities brought to a common scale: which numbers are subtracted and divided by, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sagittal.ops.warp import Tone

Rule = Literal["fixed", "image", "nonzero", "max_min", "full_volume_mean", "brats", "max", "mean"]
"""Where the numbers come from: the plan (``fixed``), or each image by itself."""

RULES: tuple[str, ...] = get_args(Rule)

OUTER = (0.5, 99.5)
"""Percentiles that become 0 and 1, so that one bright vessel does not set the scale."""

MOST = 2_000_000
"""Samples of a channel that are measured at most, evenly spread: percentiles of more are the same."""

Numbers = tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """Numbers a channel (or one for all): ``low`` becomes 0 and ``high`` 1, then ``mean`` and ``std`` act on that.

    Between the two steps augmentation changes intensities: it finds values of about 0 to 1 whatever the scanner.

    >>> Scale(low=(0.0,), high=(255.0,), mean=(0.5,), std=(0.25,)).normalise(np.ones((1, 1), np.float32)).item()
    2.0
    """

    low: Numbers = (0.0,)
    high: Numbers = (1.0,)
    mean: Numbers = (0.0,)
    std: Numbers = (1.0,)

    def unit(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """``(C, *shape)`` whose ``low`` is now 0 and ``high`` 1; not clipped."""
        low, high = _shaped(self.low, values), _shaped(self.high, values)
        scaled: NDArray[np.float32] = (values - low) * (np.float32(1) / (high - low))
        return scaled

    def normalise(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit values less the mean, divided by the standard deviation."""
        moved: NDArray[np.float32] = (values - _shaped(self.mean, values)) * (np.float32(1) / _shaped(self.std, values))
        return moved

    def restored(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The unit values of what :meth:`normalise` gave."""
        back: NDArray[np.float32] = values * _shaped(self.std, values) + _shaped(self.mean, values)
        return back

    @property
    def tone(self) -> Tone:
        """What both steps do, as one product and one sum a channel."""
        return _tone(self.low, self.high, self.mean, self.std)

    def settled(self) -> Scale:
        """The scale of values that are unit values already."""
        return Scale(mean=self.mean, std=self.std)


@lru_cache(maxsize=16)
def _tone(*given: Numbers) -> Tone:
    count = max(map(len, given))
    low, high, mean, std = (numbers * count if len(numbers) == 1 else numbers for numbers in given)
    factor = [1 / ((h - a) * s) for a, h, s in zip(low, high, std, strict=True)]
    return Tone(factor, [-a * f - m / s for a, f, m, s in zip(low, factor, mean, std, strict=True)])


def measured(values: NDArray[Any], rule: Rule) -> Scale:
    """The scale of one image by a rule, a channel at a time.

    Args:
        values: ``(C, *shape)``, finite.
        rule: ``image`` and ``full_volume_mean``: mean and deviation of all samples. ``nonzero`` (the default of MR)
            and ``mean``: of the samples that are not 0, which skull-stripped images have outside the head (preparation
            brings other numbers there to 0 before ``nonzero``).
            ``brats``: the same, and what was 0 becomes the mean. ``max_min``: the least becomes 0, the largest 1.
            ``max``: divided by the largest. The last five are those of MedicalZoo.

    Raises:
        ValueError: ``fixed``, which no image decides.

    >>> scan = np.array([[0, 0, 10, 30]])
    >>> own = measured(scan, "nonzero")
    >>> measured(scan, "max_min").high, own.normalise(own.unit(scan)).round(3).tolist()
    ((30.0,), [[-2.0, -2.0, -1.0, 1.0]])
    """
    if rule == "fixed":
        raise ValueError("a fixed scale comes from the plan, not from an image")
    rows = [_of_channel(channel, rule) for channel in values]
    low, high, mean, std = zip(*rows, strict=True)
    return Scale(low=low, high=high, mean=mean, std=std)


def _of_channel(channel: NDArray[Any], rule: str) -> tuple[float, float, float, float]:
    flat = channel.reshape(-1)
    if rule in {"max_min", "max"}:
        least = float(flat.min()) if rule == "max_min" else 0.0
        largest = float(flat.max())
        return least, largest if largest > least else least + 1, 0.0, 1.0
    flat = flat[:: max(1, flat.size // MOST)]
    if rule in {"nonzero", "mean", "brats"}:
        inside = flat[flat != 0]
        flat = inside if inside.size else flat
    known = flat.astype(np.float64)
    low, high = (float(v) for v in np.percentile(known, OUTER))
    low = min(low, 0.0) if rule not in {"image", "full_volume_mean"} else low
    high = high if high > low else low + 1
    std = float(known.std()) / (high - low)
    return low, high, (float(known.mean()) - low) / (high - low), std if std > 0 else 1.0


def _shaped(numbers: Numbers, values: NDArray[Any]) -> NDArray[np.float32]:
    return _columns(numbers, values.ndim)


@lru_cache(maxsize=64)
def _columns(numbers: Numbers, axes: int) -> NDArray[np.float32]:
    column = np.asarray(numbers, dtype=np.float32).reshape(-1, *([1] * (axes - 1)))
    column.flags.writeable = False
    return column
