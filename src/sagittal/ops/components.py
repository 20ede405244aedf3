"""Pieces of a label map that hang together: numbered, the largest kept, small ones removed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import cc3d
import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.ops._jit import kernel

Connectivity = Literal["full", "faces"]
Labels = NDArray[Any]
NEIGHBOURS: Mapping[Connectivity, Mapping[int, Literal[4, 6, 8, 26]]] = {"full": {2: 8, 3: 26}, "faces": {2: 4, 3: 6}}


def components(labels: Labels, *, connectivity: Connectivity = "full") -> tuple[NDArray[np.uint32], int]:
    """The pieces of each class, numbered from 1; classes that touch are apart.

    Args:
        labels: A mask or a label map of one to three axes; 0 belongs to no piece.
        connectivity: Samples hang together that share a corner (``full``), or a face.

    Returns:
        Numbers on the same grid, and how many there are.

    >>> components(np.array([[1, 0, 2], [0, 1, 2]]))
    (array([[1, 0, 2],
           [0, 1, 2]], dtype=uint32), 2)
    """
    lifted = labels.reshape((1,) * (2 - labels.ndim) + labels.shape)
    if lifted.dtype == np.bool_:
        # What cc3d (4.1.1) does with truth values by itself, over corners, numbers background and ends in errors.
        lifted = lifted.view(np.uint8)
    found, n = cc3d.connected_components(lifted, connectivity=NEIGHBOURS[connectivity][lifted.ndim], return_N=True, out_dtype=np.uint32)
    return np.ascontiguousarray(found, dtype=np.uint32).reshape(labels.shape), int(n)


def largest(labels: Labels, *, classes: Collection[int] | None = None, background: int = 0, connectivity: Connectivity = "full") -> Labels:
    """The label map with only the largest piece of each class; the others become background.

    Of pieces of one size the first in memory stays.

    Args:
        labels: A mask or a label map.
        classes: Which to treat; all of them when not told.
        background: The class that removed pieces become; it has no pieces of its own.
        connectivity: As of :func:`components`.

    >>> largest(np.array([1, 0, 1, 1, 0, 2])).tolist()
    [0, 0, 1, 1, 0, 2]
    """
    pieces, sizes, whose = _pieces(labels, background, connectivity)
    order = np.lexsort((np.arange(len(sizes)), -sizes, whose))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = whose[order][1:] != whose[order][:-1]
    keep = np.zeros(len(sizes), dtype=np.bool_)
    keep[order[first]] = True
    return _kept(labels, pieces, keep | ~_treated(whose, classes), background)


def remove_small(
    labels: Labels,
    grid: Geometry,
    *,
    volume: float,
    classes: Collection[int] | None = None,
    background: int = 0,
    connectivity: Connectivity = "full",
) -> Labels:
    """The label map without pieces that are smaller than a volume; they become background.

    Args:
        labels: A mask or a label map.
        grid: On which it lies.
        volume: The least that stays, in world units: mm\N{SUPERSCRIPT THREE} of a patient, square pixels of a picture.
        classes: Which to treat; all of them when not told.
        background: As of :func:`largest`.
        connectivity: As of :func:`components`.

    >>> remove_small(np.array([[1, 0, 1, 1]]), Geometry.picture((1, 4)), volume=2).tolist()
    [[0, 0, 1, 1]]
    """
    pieces, sizes, whose = _pieces(labels, background, connectivity)
    # A piece that has the volume but for rounding has it.
    keep = sizes * grid.cell >= volume * (1 - 1e-9)
    return _kept(labels, pieces, keep | ~_treated(whose, classes), background)


def _pieces(labels: Labels, background: int, connectivity: Connectivity) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """The pieces, their sizes and classes; both begin with what belongs to no piece."""
    marked = labels if background == 0 else np.where(labels == background, 0, labels + (labels >= 0))
    pieces, n = components(marked, connectivity=connectivity)
    sizes, whose = np.zeros(n + 1, dtype=np.int64), np.full(n + 1, background, dtype=np.int64)
    _measure(pieces.reshape(-1), np.ascontiguousarray(labels).reshape(-1), sizes, whose)
    whose[0] = background
    return pieces, sizes, whose


def _treated(whose: NDArray[np.int64], classes: Collection[int] | None) -> NDArray[np.bool_]:
    treated = np.ones(len(whose), dtype=np.bool_) if classes is None else np.isin(whose, list(classes))
    treated[0] = False
    return treated


def _kept(labels: Labels, pieces: NDArray[np.uint32], keep: NDArray[np.bool_], background: int) -> Labels:
    if keep.all():
        return labels.copy()
    kept = np.empty(labels.shape, dtype=labels.dtype)
    _keep(np.ascontiguousarray(labels).reshape(-1), pieces.reshape(-1), keep, background, kept.reshape(-1))
    return kept


@kernel
def _measure(pieces: Any, labels: Any, sizes: Any, whose: Any) -> None:
    i = 0
    while i < len(pieces):
        piece, start = pieces[i], i
        while i < len(pieces) and pieces[i] == piece:
            i += 1
        sizes[piece] += i - start
        whose[piece] = labels[start]


@kernel
def _keep(labels: Any, pieces: Any, keep: Any, background: int, kept: Any) -> None:
    for i in range(len(labels)):
        kept[i] = labels[i] if keep[pieces[i]] else background
