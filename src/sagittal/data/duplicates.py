"""Cases that are the same picture: pixel for pixel, flipped or rotated, or encoded, scaled or cut anew."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from sagittal.data._align import Thumb, aligned_likeness, detail
from sagittal.data.measure import THUMB, Measured

Kind = Literal["same pixels", "flipped or rotated", "re-encoded", "re-encoded and flipped or rotated", "cut out"]

SAME = 0.9
"""Least correlation of details (0 to 1) of two pictures that are called copies of each other."""

SAME_OF_ONE = 0.98
"""The same for pictures of one patient, whose neighbouring slices reach 0.96."""

_COARSE = 16
_LIKELY = 0.8
_LIKELY_TURNED = 0.93
_SLACK = 0.08
_NEIGHBOURS = 6
_MOST_ALIGNED = 1000
_MOST_COMPARED = 1 << 21
"""Pairs that are compared at a time, so that memory does not grow with their number."""

_LEAST_CONTRAST = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two cases that are the same picture.

    Args:
        a: Id of the case that comes first.
        b: Id of the other.
        kind: How they are the same.
        likeness: 1 for the same pixels, else the correlation of their details.
    """

    a: str
    b: str
    kind: Kind
    likeness: float = 1.0

    @property
    def exact(self) -> bool:
        """Whether every pixel is the same, be it in another orientation."""
        return self.kind in {"same pixels", "flipped or rotated"}


def exact_pairs(measures: Sequence[tuple[str, str, str]]) -> list[Pair]:
    """Pairs with the same decoded pixels, flips and rotations included.

    Of ``n`` cases with the same pixels, ``n - 1`` pairs with the first one are told. Cases that are one value
    throughout have no hash, and no copies.

    Args:
        measures: Id, hash as it is, and hash that all orientations share.

    >>> [(p.a, p.b, p.kind) for p in exact_pairs([("x", "1", "t"), ("y", "2", "t"), ("z", "1", "t")])]
    [('x', 'y', 'flipped or rotated'), ('x', 'z', 'same pixels')]
    """
    first: dict[str, tuple[str, str]] = {}
    pairs = []
    for name, digest, turned in measures:
        if not turned:
            continue
        if turned in first:
            known, its_digest = first[turned]
            pairs.append(Pair(a=known, b=name, kind="same pixels" if digest == its_digest else "flipped or rotated"))
        else:
            first[turned] = (name, digest)
    return pairs


class Thumbs:
    """Thumbnails of many cases, kept in a temporary file so that memory does not grow with them.

    Beside each, its coarse descriptor stays in memory (256 numbers of 4 bytes).
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="sagittal-thumbs-")  # noqa: SIM115 - lives as long as the object
        self._coarse: list[NDArray[np.float32]] = []
        self.ids: list[str] = []

    def add(self, one: Measured) -> None:
        """Keep a case's thumbnail; one with next to no contrast cannot be told from others and is left out."""
        if one.thumb is None:
            return
        coarse = coarse_of(one.thumb)
        if coarse is None:
            return
        self._file.write(one.thumb.tobytes())
        self._coarse.append(coarse)
        self.ids.append(one.id)

    def __len__(self) -> int:
        return len(self.ids)

    def coarse(self) -> NDArray[np.float32]:
        """The descriptors, ``(n, 256)``."""
        return np.stack(self._coarse) if self._coarse else np.zeros((0, _COARSE**2), np.float32)

    def read(self, index: int) -> Thumb:
        """One thumbnail, ``(64, 64)``."""
        self._file.seek(index * THUMB * THUMB)
        return np.frombuffer(self._file.read(THUMB * THUMB), np.uint8).reshape(THUMB, THUMB)

    def close(self) -> None:
        """Delete the file."""
        self._file.close()


def near_pairs(thumbs: Thumbs, *, kin: Callable[[str, str], bool] | None = None) -> list[Pair]:
    """Pairs of pictures that were encoded, scaled, turned or cut anew.

    Two steps. First the band-passed 16 x 16 thumbnails of all pictures are correlated, in all eight orientations; the
    nearest neighbours of each picture go on. Then the finer details decide, as they are or, for a cut-out, after one
    was laid on the other. At most 1,000 of the likeliest pairs are laid on each other.

    Measured on copies that were made of 80 pictures of each real set (brain MR, chest CT, retina OCT, chest
    X-ray at 28 x 28, photographs) and on all pairs of different patients or files: see ``docs/concepts/duplicates.md``.

    Args:
        thumbs: Of the cases to compare.
        kin: Whether two ids are of one patient: their slices may be alike, so only all but equal ones are told.
    """
    coarse = thumbs.coarse()
    pairs: dict[tuple[int, int], Pair] = {}
    uncertain: dict[tuple[int, int], float] = {}
    for turn in range(8):
        for i, j, score in _likely(coarse, turn, least=_LIKELY if turn == 0 else _LIKELY_TURNED):
            key = (min(i, j), max(i, j))
            a, b = thumbs.ids[key[0]], thumbs.ids[key[1]]
            if key in pairs:
                continue
            related = kin is not None and kin(a, b)
            likeness = _likeness(thumbs.read(i), _turned(thumbs.read(j), turn))
            if likeness >= (SAME_OF_ONE if related else SAME):
                pairs[key] = Pair(a=a, b=b, kind="re-encoded and flipped or rotated" if turn else "re-encoded", likeness=likeness)
            elif turn == 0 and not related:
                uncertain[key] = score
    for key in sorted(uncertain, key=lambda k: -uncertain[k])[:_MOST_ALIGNED]:
        if key in pairs:
            continue
        likeness = aligned_likeness(thumbs.read(key[0]), thumbs.read(key[1]))
        if likeness >= SAME:
            pairs[key] = Pair(a=thumbs.ids[key[0]], b=thumbs.ids[key[1]], kind="cut out", likeness=likeness)
    return [pairs[key] for key in sorted(pairs)]


def coarse_of(thumb: Thumb) -> NDArray[np.float32] | None:
    """The coarse descriptor: 16 x 16, band-passed, weighted to the middle, of length 1; None without contrast.

    Its entries turn and flip as the picture does.
    """
    small = cv2.resize(thumb.astype(np.float32), (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    band = cv2.GaussianBlur(small, (0, 0), 0.7, borderType=cv2.BORDER_REFLECT) - cv2.GaussianBlur(
        small, (0, 0), 2.0, borderType=cv2.BORDER_REFLECT
    )
    weight = np.sqrt(np.hanning(_COARSE + 2)[1:-1])
    band = (band * np.outer(weight, weight)).astype(np.float32)
    length = float(np.linalg.norm(band))
    return (band / length).reshape(-1) if length > _LEAST_CONTRAST else None


def _likely(coarse: NDArray[np.float32], turn: int, *, least: float) -> Iterator[tuple[int, int, float]]:
    """Pairs whose coarse descriptors correlate when the second picture is turned: the best few of each picture."""
    count = len(coarse)
    first = coarse if turn == 0 else _halved(coarse)
    other = first if turn == 0 else _halved(_all_turned(coarse, turn))
    slack = 0.0 if turn == 0 else _SLACK
    whole = coarse if turn == 0 else _all_turned(coarse, turn)
    rows = max(1, _MOST_COMPARED // max(count, 1))
    for start in range(0, count, rows):
        # Each unordered pair once: a turn and its inverse are both among the eight.
        scores = first[start : start + rows] @ other[start:].T
        passing = scores >= least - slack
        passing[np.tril_indices(len(scores))] = False
        for row in np.nonzero(passing.any(axis=1))[0]:
            found = np.nonzero(passing[row])[0]
            exact = scores[row, found] if turn == 0 else whole[start + found] @ coarse[start + row]
            best = np.argsort(-exact, kind="stable")[:_NEIGHBOURS]
            for column, score in zip(found[best], exact[best], strict=True):
                if score >= least:
                    yield start + int(row), start + int(column), float(score)


def _halved(coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """The descriptors at half their resolution, of length 1: a quarter of the work for a first look."""
    half = _COARSE // 2
    small = coarse.reshape(-1, half, 2, half, 2).mean(axis=(2, 4)).reshape(-1, half * half)
    unit: NDArray[np.float32] = small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-9)
    return unit


def _all_turned(coarse: NDArray[np.float32], turn: int) -> NDArray[np.float32]:
    squares = coarse.reshape(-1, _COARSE, _COARSE)
    turned = np.rot90(squares.swapaxes(1, 2) if turn >= 4 else squares, turn % 4, axes=(1, 2))
    return np.ascontiguousarray(turned).reshape(-1, _COARSE**2)


def _turned(square: NDArray[Any], turn: int) -> NDArray[Any]:
    """One of the eight orientations of a square; 0 leaves it as it is."""
    return np.rot90(square.T if turn >= 4 else square, turn % 4)


def _likeness(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Correlation of the details of two thumbnails that lie on each other."""
    x, y = (detail(cv2.resize(np.ascontiguousarray(t).astype(np.float32), (32, 32), interpolation=cv2.INTER_AREA), 1.5) for t in (a, b))
    return float((x * y).sum() / (np.linalg.norm(x) * np.linalg.norm(y) + 1e-9))
