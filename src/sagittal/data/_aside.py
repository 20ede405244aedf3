"""Whether borders were drawn to one side of those in the image: then a mirrored picture has them on the other side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry
from sagittal.data.finding import Finding

SIDES = (("left", "right"), ("back", "front"), ("bottom", "top"))
"""Of each axis of the world, to where labels lie aside that are drawn too low, and too high."""

LEAST_CASES = 5
CLEAR = 0.05
"""Samples by which borders lie aside, in the middle of the cases: a phantom's, cut without any error, lie within 0.03."""

_FEWEST_STEPS = 200
_LIKE = 1.5
_WAVER = 0.1
_SAME_SIDE = 0.9
_SPREADS = 4.0
_AT = (-1.5, -0.5, 0.5, 1.5)


def aside_of(values: NDArray[Any], drawn: NDArray[Any], ground: int, geometry: Geometry) -> tuple[float, ...]:
    """How far drawn borders lie from those in the image along the axes of the world, in samples; NaN where it cannot be told.

    Looked at is where one drawn class follows another along an axis, two samples of each: the mean of the image over all such
    places is half way between both sides at some point, and the label changes in the middle of the four. The mean of both
    ways through a pair of classes leaves what lies to one side, and takes out what makes a class thicker all around. A quarter
    too little is told, for partial volume is taken as a straight line. Borders to the
    background do not count: what surrounds an organ differs from side to side.

    Args:
        values: ``(C, *shape)`` of a volume.
        drawn: Positions of classes on the same grid, -1 for none.
        ground: The position of the background, -1 for none.
        geometry: Of both.

    Returns:
        To the right, the front and the top, positive where labels lie further that way than the image; empty where the grid
        has no place in a patient.

    >>> labels = np.tile(np.repeat([1, 2, 1, 2, 1], 10), (12, 12, 1))
    >>> image = np.where(np.roll(labels, -1, axis=2) == 1, 10.0, 30.0)[None]
    >>> place = Geometry(shape=labels.shape, affine=np.eye(4), unit="mm", frame="patient")
    >>> [round(v, 2) for v in aside_of(image, labels, 0, place)]
    [nan, nan, 1.0]
    """
    if geometry.axes != 3 or geometry.frame != "patient":
        return ()
    classes = np.where(drawn == ground, -1, drawn) if ground >= 0 else drawn
    found = [np.nan] * 3
    for axis, along in enumerate((geometry.affine[:3, :3] / np.array(geometry.spacing)).T):
        world = int(np.abs(along).argmax())
        found[world] = _along(values, classes, axis) * (1.0 if along[world] > 0 else -1.0)
    return tuple(found)


def borders_aside(sides: Mapping[str, tuple[float, ...]]) -> Iterator[Finding]:
    """What to say where the borders of nearly all cases lie to one and the same side.

    Args:
        sides: Of each case what :func:`aside_of` gives.

    >>> told = {str(n): (float("nan"), 0.01 * (-1) ** n, -0.12 + 0.01 * n) for n in range(6)}
    >>> [f.what for f in borders_aside(told)]
    ['borders between classes were drawn to one side of those in the image: 0.095 samples to the bottom (0.07 to 0.12 in 6 cases)']
    """
    known = {name: each for name, each in sides.items() if each}
    if len(known) < LEAST_CASES:
        return
    table = np.array(list(known.values()))
    words, concerned = [], np.zeros(len(table), dtype=np.bool_)
    for column, ways in zip(table.T, SIDES, strict=True):
        some = column[np.isfinite(column)]
        middle = float(np.median(some)) if len(some) >= LEAST_CASES else 0.0
        same = some[some * middle > 0]
        certain = abs(float(some.mean())) > _SPREADS * float(some.std(ddof=1)) / len(some) ** 0.5 if len(same) else False
        if abs(middle) >= CLEAR and certain and len(same) >= _SAME_SIDE * len(some):
            low, high = sorted(np.abs(same))[:: max(1, len(same) - 1)]
            words.append(f"{abs(middle):.2g} samples to the {ways[middle > 0]} ({low:.2g} to {high:.2g} in {len(same)} cases)")
            concerned |= column * middle > 0
    if words:
        yield Finding(
            code="BORDERS_ASIDE",
            severity="warn",
            items=tuple(name for name, is_it in zip(known, concerned, strict=True) if is_it),
            what=f"borders between classes were drawn to one side of those in the image: {' and '.join(words)}",
            remedy="a mirrored picture has them on the other side, so mirroring costs accuracy: leave flip out of augment, and"
            " evaluate.flips empty; or find out what moved the labels (drawn or resampled on another grid)",
        )


def _along(values: NDArray[Any], classes: NDArray[Any], axis: int) -> float:
    """Along one index axis: the mean over channels and pairs of classes, each counted as often as its borders are met."""
    turned = np.moveaxis(classes, axis, 0)
    if len(turned) < len(_AT):
        return np.nan
    before, behind = turned[1:-2], turned[2:-1]
    changes = (before != behind) & (before >= 0) & (behind >= 0)
    changes &= (turned[:-3] == before) & (turned[3:] == behind)
    at = np.nonzero(changes)
    count = int(classes.max(initial=0)) + 1
    steps = before[at].astype(np.int64) * count + behind[at]
    met = np.bincount(steps, minlength=count * count).reshape(count, count)
    found = []
    for channel in values if len(steps) else ():
        rows = np.moveaxis(channel, axis, 0)
        sums = [np.bincount(steps, rows[at[0] + k, at[1], at[2]], count * count).reshape(count, count) for k in range(len(_AT))]
        for a, b in zip(*np.nonzero(np.triu(np.minimum(met, met.T) >= _FEWEST_STEPS)), strict=True):
            up, down = (np.array([s[p] for s in sums]) / met[p] for p in ((a, b), (b, a)))
            found.append((_between(up, down), int(min(met[a, b], met[b, a]))))
    told = [(aside, n) for aside, n in found if np.isfinite(aside)]
    return -sum(aside * n for aside, n in told) / sum(n for _, n in told) if told else np.nan


def _between(up: NDArray[np.float64], down: NDArray[np.float64]) -> float:
    """Where the image is half way, in the mean of both ways; NaN where they are no steps, or not of one height."""
    high, low = up[-1] - up[0], down[0] - down[-1]
    if not (high * low > 0 and 1 / _LIKE < high / low < _LIKE):
        return np.nan
    half = []
    for way in (up, down):
        step = (way - (way[0] + way[-1]) / 2) * np.sign(way[-1] - way[0])
        steady = (np.diff(step) > -_WAVER * (step[-1] - step[0])).all()
        half.append(float(np.interp(0.0, np.maximum.accumulate(step), _AT)) if steady else np.nan)
    return sum(half) / 2
