"""What a data set's images are like, in a record: sizes, spacing, channels, intensities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sagittal.data.measure import PROBABILITIES, Measured

FORMAT = "sagittal-fingerprint"
VERSION = 1
_TOLD = (0.005, 0.01, 0.5, 0.99, 0.995)
_BINS = 64


@dataclass(kw_only=True, slots=True)
class Tally:
    """Measures of cases, added one by one; what is kept of each is a hundred bytes.

    >>> tally = Tally()
    >>> tally.record()["n"]
    0
    """

    shapes: list[tuple[int, ...]] = field(default_factory=list)
    spacings: Counter[tuple[float, ...]] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    channels: Counter[tuple[str, ...]] = field(default_factory=Counter)
    dtypes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    grey: int = 0
    quantiles: list[NDArray[np.float32]] = field(default_factory=list)
    sums: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, one: Measured) -> None:
        """Count a case that could be read."""
        self.shapes.append(one.shape)
        self.spacings[tuple(round(v, 4) for v in one.spacing)] += 1
        self.units[one.unit] += 1
        self.channels[one.channels] += 1
        self.dtypes[one.dtype] += 1
        self.formats[one.format] += 1
        self.grey += one.grey
        self.quantiles.append(one.quantiles)
        # Each case counts the same, however many samples it has: preparation brings them to one size.
        sums = np.array((one.mean, one.square))
        known = self.sums.setdefault(sums.shape[1], np.zeros_like(sums))
        known += sums

    def record(self) -> dict[str, object]:
        """A JSON-ready fingerprint.

        ``mean`` and ``std`` are a number a channel, over the cases with the commonest number of channels, in stored
        units. ``grey`` is the share of cases whose colour channels are all the same.
        """
        n = len(self.shapes)
        record: dict[str, object] = {"format": FORMAT, "version": VERSION, "n": n}
        if not n:
            return record
        axes = Counter(len(s) for s in self.shapes).most_common(1)[0][0]
        shapes = np.array([s for s in self.shapes if len(s) == axes], dtype=np.int64).reshape(n if not axes else -1, axes)
        names = self.channels.most_common(1)[0][0]
        count = self.channels.total() and len(names)
        total = sum(c for k, c in self.channels.items() if len(k) == count)
        mean, square = self.sums[count] / total
        quantiles = np.median(np.stack(self.quantiles), axis=0)
        lows, highs = np.stack(self.quantiles)[:, 0], np.stack(self.quantiles)[:, -1]
        return {
            **record,
            "axes": axes,
            "sizes": {k: f(shapes, axis=0).astype(float).tolist() for k, f in (("min", np.min), ("median", np.median), ("max", np.max))},
            "spacing": list(self.spacings.most_common(1)[0][0]),
            "unit": self.units.most_common(1)[0][0],
            "channels": list(names),
            "stored_channels": {"+".join(k): v for k, v in sorted(self.channels.items())} if len(self.channels) <= 8 else {},
            "grey": self.grey / n,
            "dtypes": dict(sorted(self.dtypes.items())),
            "formats": dict(sorted(self.formats.items())),
            "range": [float(lows.min()), float(highs.max())],
            "percentiles": {f"{100 * p:g}": float(np.interp(p, PROBABILITIES, quantiles)) for p in _TOLD},
            "mean": [float(v) for v in mean],
            "std": [float(v) for v in np.sqrt(np.maximum(square - mean**2, 0))],
        }


def fingerprint(measures: Iterable[Measured]) -> dict[str, object]:
    """The record of some cases, usually of those that teach; unreadable ones are left out."""
    tally = Tally()
    for one in measures:
        if one.error is None:
            tally.add(one)
    return tally.record()


def histograms(tallies: Mapping[str, Tally]) -> dict[str, dict[str, list[float]]]:
    """Distributions of intensities by name (a class), over the same edges; every case weighs the same.

    Edges run from 0 to 255 where all values are bytes, else over all but the outermost half percent of the values.
    """
    stacked = {name: np.stack(t.quantiles) for name, t in tallies.items() if t.quantiles}
    if not stacked:
        return {}
    edges = _edges(list(stacked.values()), {d for t in tallies.values() for d in t.dtypes})
    return {name: {"edges": edges.tolist(), "counts": _counts(rows, edges).round(6).tolist()} for name, rows in stacked.items()}


def _edges(stacked: Sequence[NDArray[np.float32]], dtypes: set[str]) -> NDArray[np.float64]:
    if dtypes == {"uint8"}:
        return np.linspace(0, 256, _BINS + 1)
    low = min(float(np.quantile(rows[:, 1], 0.005)) for rows in stacked)
    high = max(float(np.quantile(rows[:, -2], 0.995)) for rows in stacked)
    return np.linspace(low, high if high > low else low + 1, _BINS + 1)


def _counts(rows: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean share of the samples in each bin, from quantiles; equal quantiles are a peak and fall into one bin."""
    total = np.zeros(len(edges) - 1)
    weight = np.diff(PROBABILITIES)
    for row in rows.astype(np.float64):
        low, high = row[:-1], row[1:]
        width = np.maximum(high - low, 1e-9)
        below = np.clip((edges[:, None] - low) / width, 0, 1)
        below[:, high <= low] = edges[:, None] > low[high <= low]
        total += np.diff(below @ weight)
    shares: NDArray[np.float64] = total / max(len(rows), 1)
    return shares
